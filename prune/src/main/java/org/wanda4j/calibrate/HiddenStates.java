package org.wanda4j.calibrate;

import org.wanda4j.torch.Batch;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;

/// Hidden states of all windows between two blocks of a model, in batches that change in place.
public interface HiddenStates {

    /// How many batches there are.
    int batches();

    /// Batch `index`, over memory that outlives it. To be called in a task of [Engine#forEach].
    Batch batch(int index);

    /// Tokens of batch `index`.
    long tokensOf(int index);

    /// Takes every batch through a whole block.
    default void forward(Engine engine, TorchBlock block, Progress progress) {
        engine.forEach(
                batches(),
                index -> {
                    block.forward(batch(index));
                    progress.advance(tokensOf(index), "forward");
                });
    }
}
