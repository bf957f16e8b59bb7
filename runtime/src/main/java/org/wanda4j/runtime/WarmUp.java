package org.wanda4j.runtime;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.wanda4j.checkpoint.Checkpoint;

/// Decodes something on a thread of its own, until it is closed: vector kernels are slow until they are compiled, which may as
/// well happen while there is something else to wait for. What is wrong with a model is told by whoever opens it, not here.
final class WarmUp implements AutoCloseable {

    private static final int PROMPT = 16;

    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().name("wanda-warm-up").factory());
    private volatile boolean enough;

    /// @param checkpoint stays open until this is closed
    WarmUp(Checkpoint checkpoint) {
        var _ = thread.submit(() -> decode(checkpoint));
    }

    /// A prompt and a token, as answers begin. One thread works: the compiler needs the other processors.
    private void decode(Checkpoint checkpoint) {
        try (Decoder decoder = new Decoder(checkpoint, KernelChoice.BEST, 1);
                Sequence sequence = decoder.newSequence()) {
            for (int tokens : new int[] {PROMPT, 1}) {
                var step = new Batch.Step(sequence, new int[tokens], true);
                decoder.forward(List.of(step), () -> !enough);
            }
        }
    }

    /// Returns at the end of a block.
    @Override
    public void close() {
        enough = true;
        thread.close();
    }
}
