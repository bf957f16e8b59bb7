package org.wanda4j.runtime.internal.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpinningThreadPoolTest {

    /// Threads that never slept, and threads that fall asleep at any moment between two runs.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7})
    void everyThreadRunsEveryTaskOnceBeforeTheNext(int size) {
        try (var pool = new SpinningThreadPool(size)) {
            var runs = new AtomicIntegerArray(size);
            for (int i = 1; i <= 1_000; i++) {
                int expected = i;
                pool.run(thread -> assertEquals(expected, runs.incrementAndGet(thread)));
                for (int thread = 0; thread < size; thread++) {
                    assertEquals(i, runs.get(thread));
                }
                if (i % 100 == 0) {
                    LockSupport.parkNanos(i * 10_000L);
                }
            }
        }
    }

    @Test
    void aFailureOfAnyThreadIsThrownOnce() {
        try (var pool = new SpinningThreadPool(3)) {
            for (int failing = 0; failing < 3; failing++) {
                int one = failing;
                var failure = new IllegalStateException("test");
                SpinningThreadPool.Task task =
                        thread -> {
                            if (thread == one) {
                                throw failure;
                            }
                        };
                assertSame(
                        failure, assertThrows(IllegalStateException.class, () -> pool.run(task)));
                pool.run(_ -> {});
            }
        }
    }

    @Test
    void whatSeveralThreadsFailWithIsNotLeftForTheNextTask() {
        try (var pool = new SpinningThreadPool(3)) {
            SpinningThreadPool.Task task =
                    _ -> {
                        throw new IllegalStateException("test");
                    };
            assertThrows(IllegalStateException.class, () -> pool.run(task));
            pool.run(_ -> {});
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
