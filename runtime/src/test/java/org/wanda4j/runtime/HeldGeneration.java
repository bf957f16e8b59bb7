package org.wanda4j.runtime;

import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.wanda4j.runtime.Generation.FinishReason;

/// A text that a model goes on with a token at a time, as a test lets it; all its other texts wait with it, and none begins.
/// What a test wants to see thus lasts until the test has seen it, however fast or slow the machine is.
public final class HeldGeneration implements AutoCloseable {

    private static final int FOR_EVER = 1 << 20;

    private final LanguageModel model;
    private final Semaphore turns = new Semaphore(0);
    private final Semaphore drawn = new Semaphore(0);
    private final CountDownLatch ended = new CountDownLatch(1);
    private final GenerationRequest request;

    private HeldGeneration(LanguageModel model) {
        this.model = model;
        int limit = model.context() - 1;
        this.request =
                new GenerationRequest(
                        new int[] {1},
                        limit,
                        new Sampler(Sampling.GREEDY, model.vocabulary(), KernelChoice.best()),
                        Optional.empty(),
                        new Gate());
    }

    /// Waits for a turn behind each token, while the thread that decodes waits for it.
    private final class Gate implements GenerationRequest.Listener {

        @Override
        public boolean needsLogProbabilities() {
            return false;
        }

        @Override
        public boolean token(int id, Optional<LogProbabilities> likelihoods) {
            drawn.release();
            turns.acquireUninterruptibly();
            return true;
        }

        @Override
        public void finished(FinishReason finish) {
            drawn.release(FOR_EVER);
            ended.countDown();
        }

        @Override
        public void failed(Throwable cause) {
            finished(FinishReason.CANCELLED);
        }
    }

    /// Has a model that is idle run such a text; returns when it has its first token.
    public static HeldGeneration of(LanguageModel model) {
        var held = new HeldGeneration(model);
        if (!held.model.scheduler().submit(held.request)) {
            throw new IllegalStateException("no room");
        }
        held.drawn.acquireUninterruptibly();
        return held;
    }

    /// Lets all texts have another token, those that wait begin where there is room, and those that were cancelled end.
    public void turn() {
        turns.release();
        drawn.acquireUninterruptibly();
    }

    /// Waits until the text has ended, behind [#letGo()].
    public void awaitEnd() throws InterruptedException {
        ended.await();
    }

    /// Ends the text and lets the others go on alone.
    public void letGo() {
        model.scheduler().cancel(request);
        turns.release(FOR_EVER);
    }

    @Override
    public void close() {
        letGo();
    }
}
