package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.wanda4j.calibrate.Decoding;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.text.Windows;

/// Everything that a model computes on its way to the logits.
///
/// @param states hidden states: of the embedding, then after each block; window after window
/// @param logits of every token
public record ForwardPass(List<float[]> states, float[] logits) {

    /// Runs all windows at once, on one thread.
    public static ForwardPass of(Checkpoint checkpoint, Windows windows, ComputeType type) {
        Architecture architecture = Architecture.of(checkpoint);
        List<float[]> states = new ArrayList<>();
        List<float[]> logits = new ArrayList<>();
        try (var scratch = new ScratchDirectory();
                Engine engine = new Engine(type, 1);
                Arena memory = Arena.ofShared();
                Decoding decoding =
                        new Decoding(
                                checkpoint,
                                architecture,
                                engine,
                                windows,
                                false,
                                RunSettings.defaults().activationMemory(),
                                scratch.path());
                TorchHead head =
                        new TorchHead(architecture, view -> checkpoint.map(view, memory), type)) {
            engine.forEach(1, _ -> states.add(values(decoding.store().batch(0))));
            decoding.forEachBlock((_, block, _) ->
                    engine.forEach(
                            1,
                            _ -> {
                                Batch batch = decoding.store().batch(0);
                                block.forward(batch);
                                states.add(values(batch));
                            }));
            engine.forEach(
                    1,
                    _ -> {
                        Batch batch = decoding.store().batch(0);
                        logits.add(head.logits(batch, 0, Math.toIntExact(batch.tokens())));
                    });
        }
        return new ForwardPass(states, logits.getFirst());
    }

    private static float[] values(Batch batch) {
        float[] values = new float[Math.toIntExact(batch.hidden().numel())];
        batch.hidden().data_ptr_float().get(values);
        return values;
    }
}
