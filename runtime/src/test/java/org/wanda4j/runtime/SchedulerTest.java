package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.runtime.Generation.FinishReason;
import org.wanda4j.runtime.internal.decode.CachePool;
import org.wanda4j.runtime.internal.decode.Decoder;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;

class SchedulerTest {

    private static final int TOKEN = 1;

    /// Six blocks of two heads of 32 keys and values in bf16.
    private static final long PAGE = 6L * 2 * 2 * 32 * 2 * CachePool.POSITIONS;

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
            implements GenerationRequest.Listener {

        Listener(Place fails) {
            this(fails, new OutOfMemoryError(fails.name()), new CompletableFuture<>());
        }

        private void check(Place place) {
            if (place == fails) {
                throw with;
            }
        }

        @Override
        public boolean needsLogProbabilities() {
            check(Place.DRAW);
            return false;
        }

        @Override
        public boolean token(int id, Optional<LogProbabilities> likelihoods) {
            check(Place.TOKEN);
            return true;
        }

        @Override
        public void finished(FinishReason finish) {
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
            assertIdle(scheduler);
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
            assertIdle(scheduler);
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

    /// What decodes would read weights that are unmapped then.
    @Test
    void closingWaitsForWhatDecodesWhenItsThreadIsInterrupted() throws InterruptedException {
        Scheduler scheduler = open();
        var decoding = new CountDownLatch(1);
        var goOn = new CountDownLatch(1);
        submit(scheduler, new Held(decoding, goOn), TOKEN);
        decoding.await();
        var stayed = new CompletableFuture<Boolean>();
        Thread closing =
                Thread.ofPlatform()
                        .start(() -> {
                            scheduler.close();
                            stayed.complete(Thread.interrupted());
                        });
        for (int i = 0; i < 3; i++) { // Who does not wait on takes two at most.
            closing.interrupt();
            while (closing.isInterrupted() && closing.isAlive()) {
                Thread.onSpinWait();
            }
        }
        boolean returned = stayed.isDone();
        goOn.countDown();
        assertFalse(returned, "it was closed while a text was decoded");
        assertTrue(stayed.join(), "who was interrupted stays so");
        scheduler.ended().join();
    }

    /// Has the thread that decodes wait at its first token.
    private record Held(CountDownLatch decoding, CountDownLatch goOn)
            implements GenerationRequest.Listener {

        @Override
        public boolean needsLogProbabilities() {
            return false;
        }

        @Override
        public boolean token(int id, Optional<LogProbabilities> likelihoods) {
            decoding.countDown();
            try {
                goOn.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return true;
        }

        @Override
        public void finished(FinishReason finish) {}

        @Override
        public void failed(Throwable cause) {}
    }

    @Test
    void theLargestLimitOfTheQueueLetsTextsWait() {
        try (Scheduler scheduler = open(4 * PAGE, 0, Integer.MAX_VALUE)) {
            assertEquals(8, tokens(scheduler, TOKEN, 8).join().size());
        }
    }

    /// Each alone fits, no two do; what gives way goes on where it was. Scalar kernels give the same bits whatever is decoded
    /// beside a text.
    @Test
    void textsThatOutgrowTheMemoryTogetherEndAsTheyWouldAlone() {
        long memory = 4 * PAGE;
        int limit = 4 * CachePool.POSITIONS - 1;
        List<List<Integer>> alone = new ArrayList<>();
        for (int token : List.of(1, 2, 3)) {
            try (Scheduler scheduler = open(memory, 0)) {
                alone.add(tokens(scheduler, token, limit).join());
            }
        }
        try (Scheduler scheduler = open(memory, 2)) {
            List<CompletableFuture<List<Integer>>> together = new ArrayList<>();
            synchronized (scheduler) {
                for (int token : List.of(1, 2, 3)) {
                    together.add(tokens(scheduler, token, limit));
                }
            }
            assertEquals(alone, together.stream().map(CompletableFuture::join).toList());
        }
    }

    @Test
    void keptTextsMakeWay() {
        try (Scheduler scheduler = open(4 * PAGE, 2)) {
            tokens(scheduler, 1, 2 * CachePool.POSITIONS - 1).join();
            assertEquals(2 * PAGE, scheduler.load().cacheBytes());
            tokens(scheduler, 2, CachePool.POSITIONS - 1).join();
            assertEquals(3 * PAGE, scheduler.load().cacheBytes());
            tokens(scheduler, 3, 3 * CachePool.POSITIONS - 1).join();
            assertEquals(4 * PAGE, scheduler.load().cacheBytes());
            assertEquals(4 * PAGE, scheduler.load().cacheLimit());
        }
    }

    @Test
    void aKeptTextIsTakenWhereThereIsNoRoomForACopyOfIt() {
        try (Scheduler scheduler = open(2 * PAGE, 1)) {
            int[] prompt = {1, 5, 7, 9};
            List<Integer> first = tokens(scheduler, prompt, CachePool.POSITIONS).join();
            assertEquals(2 * PAGE, scheduler.load().cacheBytes());
            assertEquals(first.subList(0, 8), tokens(scheduler, prompt, 8).join());
            assertEquals(PAGE, scheduler.load().cacheBytes());
        }
    }

    private static CompletableFuture<List<Integer>> tokens(
            Scheduler scheduler, int token, int limit) {
        return tokens(scheduler, new int[] {token}, limit);
    }

    /// What is answered; checks at each token that the memory is kept to.
    private static CompletableFuture<List<Integer>> tokens(
            Scheduler scheduler, int[] prompt, int limit) {
        List<Integer> tokens = new ArrayList<>();
        var end = new CompletableFuture<List<Integer>>();
        var listener =
                new GenerationRequest.Listener() {
                    @Override
                    public boolean needsLogProbabilities() {
                        return false;
                    }

                    @Override
                    public boolean token(int id, Optional<LogProbabilities> likelihoods) {
                        tokens.add(id);
                        LanguageModel.Load load = scheduler.load();
                        assertTrue(load.cacheBytes() <= load.cacheLimit(), load.toString());
                        return true;
                    }

                    @Override
                    public void finished(FinishReason finish) {
                        end.complete(tokens);
                    }

                    @Override
                    public void failed(Throwable cause) {
                        end.completeExceptionally(cause);
                    }
                };
        var request =
                new GenerationRequest(
                        prompt,
                        limit,
                        new Sampler(Sampling.GREEDY, Integer.MAX_VALUE, KernelChoice.best()),
                        Optional.empty(),
                        listener);
        assertTrue(scheduler.submit(request));
        return end;
    }

    private static void assertIdle(Scheduler scheduler) {
        LanguageModel.Load load = scheduler.load();
        assertEquals(new LanguageModel.Load(0, 0, 0, load.cacheLimit()), load);
    }

    /// Takes no token behind its first until it is told to; says how many it had when it ended.
    private static final class Slow implements GenerationRequest.Listener {

        private final CompletableFuture<Integer> end = new CompletableFuture<>();
        private volatile boolean ready = true;
        private int tokens;

        @Override
        public boolean needsLogProbabilities() {
            return false;
        }

        @Override
        public boolean acceptsToken() {
            return ready;
        }

        @Override
        public boolean token(int id, Optional<LogProbabilities> likelihoods) {
            ready = ++tokens > 1;
            return true;
        }

        @Override
        public void finished(FinishReason finish) {
            end.complete(tokens);
        }

        @Override
        public void failed(Throwable cause) {
            end.completeExceptionally(cause);
        }
    }

    @Test
    void aRequestThatWaitsForItsListenerHoldsNobodyUp() {
        var slow = new Slow();
        var good = new Listener(Place.NOWHERE);
        try (Scheduler scheduler = open()) {
            submit(scheduler, slow, TOKEN);
            submit(scheduler, good, TOKEN);
            assertEquals("LENGTH", good.end().join());
            assertEquals(1, scheduler.load().running());
            assertFalse(slow.end.isDone());
            slow.ready = true;
            scheduler.wake();
            assertEquals(5, slow.end.join());
        }
    }

    @Test
    void aRequestThatWaitsForItsListenerCanBeCancelled() {
        var slow = new Slow();
        var good = new Listener(Place.NOWHERE);
        try (Scheduler scheduler = open()) {
            GenerationRequest request = request(slow, TOKEN);
            assertTrue(scheduler.submit(request));
            submit(scheduler, good, TOKEN);
            assertEquals("LENGTH", good.end().join());
            scheduler.cancel(request);
            assertEquals(1, slow.end.join());
        }
    }

    private Scheduler open() {
        return new Scheduler(new Decoder(checkpoint, KernelChoice.best(), 1), 4, 4, 0);
    }

    private Scheduler open(long cacheBytes, int kept) {
        return open(cacheBytes, kept, 4);
    }

    private Scheduler open(long cacheBytes, int kept, int queueLimit) {
        var decoder = new Decoder(checkpoint, new ScalarKernels("test"), 1, cacheBytes);
        return new Scheduler(decoder, 4, queueLimit, kept);
    }

    @AfterEach
    void close() {
        checkpoint.close();
    }

    private static void submit(
            Scheduler scheduler, GenerationRequest.Listener listener, int token) {
        assertTrue(scheduler.submit(request(listener, token)));
    }

    private static GenerationRequest request(GenerationRequest.Listener listener, int token) {
        return new GenerationRequest(
                new int[] {token},
                5,
                new Sampler(Sampling.GREEDY, Integer.MAX_VALUE, KernelChoice.best()),
                Optional.empty(),
                listener);
    }
}
