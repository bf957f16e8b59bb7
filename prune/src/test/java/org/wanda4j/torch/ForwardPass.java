package org.wanda4j.torch;

import java.util.ArrayList;
import java.util.List;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockSequence;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.Windows;

/// Everything that a model computes on its way to the logits.
///
/// @param states hidden states: of the embedding, then after each block; window after window
/// @param logits of every token
public record ForwardPass(List<float[]> states, float[] logits) {

    /// Runs all windows at once, on one thread.
    public static ForwardPass of(Checkpoint checkpoint, Windows windows, ComputeType type) {
        return of(checkpoint, windows, type, Device.HOST);
    }

    /// The same on a device.
    static ForwardPass of(Checkpoint checkpoint, Windows windows, ComputeType type, Device device) {
        Architecture architecture = Families.describe(checkpoint);
        List<float[]> states = new ArrayList<>();
        List<float[]> logits = new ArrayList<>();
        try (var scratch = new ScratchDirectory();
                Engine engine = new Engine(type, 1, device)) {
            var forward =
                    new LayerwiseForward(
                            checkpoint,
                            architecture,
                            engine,
                            RunSettings.defaults().scratch(scratch.path()),
                            windows.seqlen());
            try (ActivationStore store = forward.embedded(windows, false)) {
                engine.forEach(1, _ -> states.add(values(store.batch(0))));
                try (BlockSequence blocks = forward.blocks()) {
                    while (blocks.hasNext()) {
                        try (LoadedBlock block = blocks.next()) {
                            store.forward(engine, block.torch(), Progress.NONE);
                            engine.forEach(1, _ -> states.add(values(store.batch(0))));
                        }
                    }
                }
                forward.head(
                        store,
                        (head, _, batch) ->
                                logits.add(head.logits(batch, 0, Math.toIntExact(batch.tokens()))));
            }
        }
        return new ForwardPass(states, logits.getFirst());
    }

    private static float[] values(Batch batch) {
        return Tensors.floats(batch.hidden());
    }
}
