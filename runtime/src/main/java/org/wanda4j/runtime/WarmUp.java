package org.wanda4j.runtime;

import java.util.List;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;

/// Decodes something on a thread of its own, until it is closed: vector kernels are slow until they are compiled, which may as
/// well happen while there is something else to wait for.
final class WarmUp implements AutoCloseable {

    private static final int PROMPT = 16;

    private final Thread thread;
    private volatile boolean enough;

    /// @param checkpoint stays open until this is closed
    WarmUp(Checkpoint checkpoint) {
        thread = Thread.ofPlatform().daemon().name("wanda-warm-up").start(() -> decode(checkpoint));
    }

    /// A prompt and a token, as answers begin. One thread works: the compiler needs the other processors.
    private void decode(Checkpoint checkpoint) {
        try (Decoder decoder = new Decoder(checkpoint, KernelChoice.BEST, 1);
                Sequence sequence = decoder.newSequence()) {
            for (int tokens : new int[] {PROMPT, 1}) {
                var step = new Batch.Step(sequence, new int[tokens], true);
                decoder.forward(List.of(step), () -> !enough);
            }
        } catch (InvalidInputException e) {
            enough = true; // Whoever opens the model is told.
        }
    }

    /// Returns at the end of a block.
    @Override
    public void close() {
        enough = true;
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
