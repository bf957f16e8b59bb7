package org.wanda4j.runtime.internal.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpinningThreadPoolTest {

    /// Threads that never slept, and threads that fall asleep at any moment between two runs.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7})
    void everyShareRunsOnceBeforeTheNextTask(int size) {
        try (var pool = new SpinningThreadPool(size)) {
            var runs = new AtomicIntegerArray(size);
            var running = new AtomicIntegerArray(size);
            for (int i = 1; i <= 1_000; i++) {
                int expected = i;
                pool.run((thread, share) -> {
                    assertEquals(1, running.incrementAndGet(thread));
                    assertEquals(expected, runs.incrementAndGet(share));
                    running.decrementAndGet(thread);
                });
                for (int share = 0; share < size; share++) {
                    assertEquals(i, runs.get(share));
                }
                if (i % 100 == 0) {
                    LockSupport.parkNanos(i * 10_000L);
                }
            }
        }
    }

    /// Threads that sleep take longer to wake than the caller to run shares that do nothing.
    @Test
    void theCallerRunsSharesThatOthersDoNotBegin() {
        try (var pool = new SpinningThreadPool(3)) {
            var callers = new AtomicInteger();
            for (int i = 0; i < 100; i++) {
                LockSupport.parkNanos(10_000_000);
                pool.run((thread, share) -> {
                    if (thread == 0 && share > 0) {
                        callers.incrementAndGet();
                    }
                });
            }
            assertTrue(callers.get() > 0);
        }
    }

    @Test
    void aFailureOfAnyShareIsThrownOnce() {
        try (var pool = new SpinningThreadPool(3)) {
            for (int failing = 0; failing < 3; failing++) {
                int one = failing;
                var failure = new IllegalStateException("test");
                SpinningThreadPool.Task task =
                        (_, share) -> {
                            if (share == one) {
                                throw failure;
                            }
                        };
                assertSame(
                        failure, assertThrows(IllegalStateException.class, () -> pool.run(task)));
                pool.run((_, _) -> {});
            }
        }
    }

    @Test
    void whatSeveralThreadsFailWithIsNotLeftForTheNextTask() {
        try (var pool = new SpinningThreadPool(3)) {
            SpinningThreadPool.Task task =
                    (_, _) -> {
                        throw new IllegalStateException("test");
                    };
            assertThrows(IllegalStateException.class, () -> pool.run(task));
            pool.run((_, _) -> {});
        }
    }

    @Test
    void itemsAreDealtOutOnceEach() {
        try (var pool = new SpinningThreadPool(3)) {
            for (int count : new int[] {0, 1, 2, 3, 10}) {
                var done = new AtomicIntegerArray(count);
                pool.forEach(count, (_, i) -> done.incrementAndGet(i));
                for (int i = 0; i < count; i++) {
                    assertEquals(1, done.get(i));
                }
            }
        }
    }

    @Test
    void rowsAreSharedOutInWholeGrains() {
        try (var pool = new SpinningThreadPool(2)) {
            assertEquals(0, pool.first(0, 100, 16));
            assertEquals(48, pool.first(1, 100, 16));
            assertEquals(100, pool.first(2, 100, 16));
        }
    }
}
