package org.wanda4j.calibrate;

import java.util.List;
import java.util.Optional;
import org.wanda4j.calibrate.BlockPass.Wanted;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;

/// Calibration windows in this process.
///
/// @param activations closed with it
record LocalWindows(Engine engine, ActivationStore activations) implements CalibrationWindows {

    /// Embeds `windows`.
    static CalibrationWindows embed(
            LayerwiseForward forward, Windows windows, boolean keepsStages) {
        return new LocalWindows(forward.engine(), forward.embedded(windows, keepsStages));
    }

    @Override
    public WindowPass through(
            LoadedBlock block, CalibrationOrder order, Wanted wanted, Progress progress) {
        return new BlockPass(engine, block.torch(), activations, order, wanted, progress);
    }

    @Override
    public KeptStates states() {
        return KeptStates.of(List.of(activations));
    }

    @Override
    public String place() {
        return activations.mapped() ? "file" : "memory";
    }

    @Override
    public String describe() {
        return engine.describe();
    }

    @Override
    public Optional<ActivationStore> store() {
        return Optional.of(activations);
    }

    @Override
    public void close() {
        activations.close();
    }
}
