package org.wanda4j.threads;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.Together.await;
import static org.wanda4j.Together.meet;
import static org.wanda4j.Together.spin;

import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ParallelForTest {

    private static final int THREADS = 3;
    private static final int ROUNDS = 200;

    private final ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    private final AtomicInteger running = new AtomicInteger();

    @AfterEach
    void closePool() {
        pool.shutdownNow();
    }

    @Test
    void everyIndexIsWorkedOnOnce() {
        int[] done = new int[1000];
        on(done.length, i -> done[i]++);
        ParallelFor.withCaller(pool, THREADS, done.length, () -> i -> done[i]++);
        int[] twice = new int[done.length];
        Arrays.fill(twice, 2);
        assertArrayEquals(twice, done);
    }

    @Test
    void nobodyWorksAnyMoreWhenAFailureIsThrown() {
        for (int round = 0; round < ROUNDS; round++) {
            var both = new CyclicBarrier(2);
            assertThrows(
                    ArithmeticException.class,
                    () ->
                            on(
                                    100,
                                    i -> {
                                        if (i < 2) {
                                            meet(both);
                                        }
                                        if (i == 0) {
                                            throw new ArithmeticException();
                                        }
                                        work();
                                    },
                                    2));
            assertEquals(0, running.get());
        }
    }

    @Test
    void theFailureOfTheLowestIndexIsThrownWithTheOthersSuppressed() {
        for (int round = 0; round < ROUNDS; round++) {
            var all = new CyclicBarrier(THREADS);
            var failure =
                    assertThrows(
                            ArithmeticException.class,
                            () ->
                                    on(
                                            100,
                                            i -> {
                                                meet(all);
                                                throw new ArithmeticException("" + i);
                                            }));
            assertEquals("0", failure.getMessage());
            assertEquals(
                    Set.of("1", "2"),
                    Set.of(
                            failure.getSuppressed()[0].getMessage(),
                            failure.getSuppressed()[1].getMessage()));
        }
    }

    @Test
    void aFailureThatTwoShareIsThrownOnce() {
        var both = new CyclicBarrier(2);
        var shared = new ArithmeticException();
        var thrown =
                assertThrows(
                        ArithmeticException.class,
                        () ->
                                on(
                                        2,
                                        _ -> {
                                            meet(both);
                                            throw shared;
                                        },
                                        2));
        assertSame(shared, thrown);
        assertEquals(0, thrown.getSuppressed().length);
    }

    @Test
    void whoWaitsForAnotherIsToldOfItsFailure() {
        var waits = new CountDownLatch(1);
        var failed = new CountDownLatch(1);
        assertThrows(
                ArithmeticException.class,
                () ->
                        ParallelFor.on(
                                pool,
                                2,
                                2,
                                i -> {
                                    if (i == 0) {
                                        await(waits);
                                        throw new ArithmeticException();
                                    }
                                    waits.countDown();
                                    await(failed);
                                },
                                failed::countDown));
    }

    @Test
    void whoGaveUpForAnotherIsNotTheFailureThatIsThrown() {
        var failed = new CountDownLatch(1);
        var failure =
                assertThrows(
                        ArithmeticException.class,
                        () ->
                                ParallelFor.on(
                                        pool,
                                        2,
                                        2,
                                        i -> {
                                            if (i == 1) {
                                                throw new ArithmeticException();
                                            }
                                            await(failed);
                                            throw new CancellationException();
                                        },
                                        failed::countDown));
        assertInstanceOf(CancellationException.class, failure.getSuppressed()[0]);
    }

    @Test
    void anInterruptedCallerWaitsForWhatRunsAndIsToldThatTheRestWasNotDone() throws Exception {
        var started = new CountDownLatch(THREADS);
        var interrupted = new CountDownLatch(1);
        Set<Integer> done = ConcurrentHashMap.newKeySet();
        var thrown = new AtomicReference<Throwable>();
        var atEnd = new AtomicInteger(-1);
        var flag = new AtomicBoolean();
        Thread caller =
                Thread.ofPlatform()
                        .start(() -> {
                            try {
                                on(
                                        1000,
                                        i -> {
                                            running.incrementAndGet();
                                            started.countDown();
                                            await(interrupted);
                                            spin();
                                            done.add(i);
                                            running.decrementAndGet();
                                        });
                            } catch (RuntimeException e) {
                                thrown.set(e);
                            }
                            atEnd.set(running.get());
                            flag.set(Thread.currentThread().isInterrupted());
                        });
        started.await();
        caller.interrupt();
        interrupted.countDown();
        caller.join();
        assertEquals(0, atEnd.get());
        assertTrue(flag.get());
        assertTrue(done.size() == 1000 || thrown.get() instanceof CancellationException);
    }

    @Test
    void aPoolThatTakesNothingMoreIsAFailure() {
        pool.shutdown();
        var worked = new AtomicBoolean();
        assertThrows(
                RejectedExecutionException.class,
                () -> ParallelFor.withCaller(pool, 1, 5, () -> _ -> worked.set(true)));
        assertFalse(worked.get());
    }

    @Test
    void finishingAPoolWaitsForWhatRunsWhoeverIsInterrupted() {
        var runs = new CountDownLatch(1);
        var closing = new CountDownLatch(1);
        var interrupted = new AtomicBoolean();
        pool.execute(() -> {
            running.incrementAndGet();
            runs.countDown();
            try {
                closing.await();
            } catch (InterruptedException e) {
                interrupted.set(true);
            }
            spin();
            running.decrementAndGet();
        });
        await(runs);
        Thread.currentThread().interrupt();
        closing.countDown();
        Threads.finish(pool);
        assertTrue(Thread.interrupted());
        assertFalse(interrupted.get());
        assertEquals(0, running.get());
    }

    @Test
    void whatTheBackgroundThrowsIsThrownAsItIs() {
        BackgroundTask<String> failed =
                BackgroundTask.start(
                        "test",
                        () -> {
                            throw new ArithmeticException("as it is");
                        });
        assertEquals(
                "as it is", assertThrows(ArithmeticException.class, failed::await).getMessage());
        assertThrows(ArithmeticException.class, failed::ifDone);
        assertEquals("there", BackgroundTask.of("there").ifDone().orElseThrow());
    }

    private void on(int count, IntConsumer task) {
        on(count, task, THREADS);
    }

    private void on(int count, IntConsumer task, int threads) {
        ParallelFor.on(pool, threads, count, task, () -> {});
    }

    private void work() {
        running.incrementAndGet();
        spin();
        running.decrementAndGet();
    }
}
