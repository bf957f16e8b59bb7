package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.Together.await;
import static org.wanda4j.Together.meet;
import static org.wanda4j.Together.spin;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.bytedeco.pytorch.GradMode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Whatever goes wrong, an engine's caller may free what the tasks use: none of them runs any more.
class EngineTest {

    private static final int ROUNDS = 200;

    private final AtomicInteger running = new AtomicInteger();

    @ParameterizedTest
    @CsvSource({"1,5", "2,1", "3,100", "4,0"})
    void everyTaskRunsOnceOnAsManyThreadsAsThereAre(int threads, int count) {
        var runs = new AtomicIntegerArray(count);
        Set<Thread> used = ConcurrentHashMap.newKeySet();
        try (var engine = new Engine(ComputeType.FP32, threads)) {
            engine.forEach(
                    count,
                    i -> {
                        runs.incrementAndGet(i);
                        used.add(Thread.currentThread());
                    });
            assertTrue(used.size() <= engine.threadsFor(count), used.size() + " threads");
        }
        for (int i = 0; i < count; i++) {
            assertEquals(1, runs.get(i));
        }
    }

    @Test
    void gradientsAreOffInATask() {
        var grad = new AtomicBoolean(true);
        try (var engine = new Engine(ComputeType.FP32, 1)) {
            engine.forEach(1, _ -> grad.set(GradMode.is_enabled()));
        }
        assertFalse(grad.get());
    }

    @Test
    void anEngineWithoutThreadsIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Engine(ComputeType.FP32, 0));
    }

    @Test
    void noTaskRunsWhenAFailureIsThrown() {
        try (var engine = new Engine(ComputeType.FP32, 2)) {
            for (int round = 0; round < ROUNDS; round++) {
                var both = new CyclicBarrier(2);
                assertThrows(
                        ArithmeticException.class,
                        () ->
                                engine.forEach(
                                        2,
                                        i -> {
                                            meet(both);
                                            if (i == 0) {
                                                throw new ArithmeticException();
                                            }
                                            work();
                                        }));
                assertEquals(0, running.get());
            }
        }
    }

    @Test
    void noTaskRunsWhenItIsClosed() throws InterruptedException {
        var runs = new CountDownLatch(1);
        var closing = new CountDownLatch(1);
        var engine = new Engine(ComputeType.FP32, 1);
        Thread other =
                Thread.ofPlatform()
                        .start(() ->
                                engine.forEach(
                                        1,
                                        _ -> {
                                            running.incrementAndGet();
                                            runs.countDown();
                                            await(closing);
                                            spin();
                                            running.decrementAndGet();
                                        }));
        runs.await();
        closing.countDown();
        engine.close();
        assertEquals(0, running.get());
        other.join();
    }

    private void work() {
        running.incrementAndGet();
        spin();
        running.decrementAndGet();
    }
}
