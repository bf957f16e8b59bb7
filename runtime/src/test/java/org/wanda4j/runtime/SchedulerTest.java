package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.runtime.Generation.Finish;

class SchedulerTest {

    private static final int TOKEN = 1;

    private final Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama());

    /// Where a listener fails.
    enum Place {
        NOWHERE,
        DRAW,
        TOKEN,
        END,
        FAILURE
    }

    /// Throws where it is told to; says how it ended.
    private record Listener(Place fails, Error with, CompletableFuture<String> end)
            implements Request.Listener {

        Listener(Place fails) {
            this(fails, new OutOfMemoryError(fails.name()), new CompletableFuture<>());
        }

        private void check(Place place) {
            if (place == fails) {
                throw with;
            }
        }

        @Override
        public boolean wantsLikelihoods() {
            check(Place.DRAW);
            return false;
        }

        @Override
        public boolean token(int id, Optional<Likelihoods> likelihoods) {
            check(Place.TOKEN);
            return true;
        }

        @Override
        public void finished(Finish finish) {
            check(Place.END);
            end.complete(finish.name());
            check(Place.FAILURE);
        }

        @Override
        public void failed(Throwable cause) {
            end.complete(cause.getMessage());
            check(Place.FAILURE);
        }
    }

    @ParameterizedTest
    @EnumSource(names = "NOWHERE", mode = EnumSource.Mode.EXCLUDE)
    void aRequestThatFailsEndsAlone(Place place) {
        var bad = new Listener(place);
        var good = new Listener(Place.NOWHERE);
        try (Scheduler scheduler = open()) {
            submit(scheduler, bad, TOKEN);
            submit(scheduler, good, TOKEN);
            assertEquals(place == Place.FAILURE ? "LENGTH" : place.name(), bad.end().join());
            assertEquals("LENGTH", good.end().join());
            assertEquals(new LanguageModel.Load(0, 0, 0), scheduler.load());
        }
    }

    @Test
    void aTextThatCannotBeDecodedEndsAlone() {
        var hasNoSuchToken = new Listener(Place.NOWHERE);
        var beside = new Listener(Place.NOWHERE);
        var next = new Listener(Place.NOWHERE);
        try (Scheduler scheduler = open()) {
            synchronized (scheduler) { // Neither begins before the other is there.
                submit(scheduler, beside, TOKEN);
                submit(scheduler, hasNoSuchToken, 1_000_000);
            }
            assertNotEquals("LENGTH", hasNoSuchToken.end().join());
            assertEquals("LENGTH", beside.end().join());
            submit(scheduler, next, TOKEN);
            assertEquals("LENGTH", next.end().join());
            assertEquals(new LanguageModel.Load(0, 0, 0), scheduler.load());
        }
    }

    @Test
    void aThreadThatIsEndedFromOutsideSaysSo() {
        try (Scheduler scheduler = open()) {
            assertFalse(scheduler.ended().isDone());
            Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getName().equals("wanda-scheduler"))
                    .forEach(Thread::interrupt);
            var fault = assertThrows(CompletionException.class, scheduler.ended()::join);
            assertInstanceOf(InterruptedException.class, fault.getCause());
            var refused =
                    assertThrows(
                            IllegalStateException.class,
                            () -> submit(scheduler, new Listener(Place.NOWHERE), TOKEN));
            assertEquals("the model failed for good", refused.getMessage());
        }
    }

    @Test
    void whatIsClosedHasEndedWithoutAFault() {
        Scheduler scheduler = open();
        CompletableFuture<Void> ended = scheduler.ended();
        scheduler.close();
        ended.join();
    }

    private Scheduler open() {
        return new Scheduler(new Decoder(checkpoint, KernelChoice.BEST, 1), 4, 4, 0);
    }

    @AfterEach
    void close() {
        checkpoint.close();
    }

    private static void submit(Scheduler scheduler, Listener listener, int token) {
        var request =
                new Request(
                        new int[] {token},
                        5,
                        new Sampler(Sampling.GREEDY, Integer.MAX_VALUE),
                        listener);
        assertTrue(scheduler.submit(request));
    }
}
