package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.runtime.Generation.Finish;

class SchedulerTest {

    private static final int TOKEN = 1;

    private final Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama());

    /// Throws where it is told to; says how it ended.
    private record Listener(
            boolean throwsOnToken, boolean throwsAtEnd, CompletableFuture<String> end)
            implements Request.Listener {

        Listener(boolean throwsOnToken, boolean throwsAtEnd) {
            this(throwsOnToken, throwsAtEnd, new CompletableFuture<>());
        }

        @Override
        public boolean wantsLikelihoods() {
            return false;
        }

        @Override
        public boolean token(int id, Optional<Likelihoods> likelihoods) {
            if (throwsOnToken) {
                throw new IllegalStateException("token");
            }
            return true;
        }

        @Override
        public void finished(Finish finish) {
            if (throwsAtEnd) {
                throw new IllegalStateException("end");
            }
            end.complete(finish.name());
        }

        @Override
        public void failed(Throwable cause) {
            end.complete(cause.getMessage());
        }
    }

    @Test
    void aRequestThatFailsEndsAlone() {
        var throwsOnToken = new Listener(true, false);
        var throwsAtEnd = new Listener(false, true);
        var good = new Listener(false, false);
        try (Scheduler scheduler = open()) {
            submit(scheduler, throwsOnToken, TOKEN);
            submit(scheduler, throwsAtEnd, TOKEN);
            submit(scheduler, good, TOKEN);
            assertEquals("token", throwsOnToken.end().join());
            assertEquals("end", throwsAtEnd.end().join());
            assertEquals("LENGTH", good.end().join());
            assertEquals(new LanguageModel.Load(0, 0, 0), scheduler.load());
        }
    }

    @Test
    void aDecoderThatFailedDecodesTheNextRequest() {
        var hasNoSuchToken = new Listener(false, false);
        var next = new Listener(false, false);
        try (Scheduler scheduler = open()) {
            submit(scheduler, hasNoSuchToken, 1_000_000);
            assertNotEquals("LENGTH", hasNoSuchToken.end().join());
            submit(scheduler, next, TOKEN);
            assertEquals("LENGTH", next.end().join());
            assertEquals(new LanguageModel.Load(0, 0, 0), scheduler.load());
        }
    }

    private Scheduler open() {
        return new Scheduler(new Decoder(checkpoint, KernelChoice.BEST, 1), 4, 4, 0);
    }

    @AfterEach
    void close() {
        checkpoint.close();
    }

    private static void submit(Scheduler scheduler, Listener listener, int token) {
        var request = new Request(new int[] {token}, 5, new Sampler(Sampling.GREEDY), listener);
        assertTrue(scheduler.submit(request));
    }
}
