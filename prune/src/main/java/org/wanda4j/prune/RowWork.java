package org.wanda4j.prune;

import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/// Rows of a matrix, shared out to threads.
final class RowWork {

    /// Rows that a thread takes at a time.
    private static final int CHUNK = 32;

    private static final ExecutorService THREADS =
            Executors.newCachedThreadPool(Thread.ofPlatform().daemon().name("rows-", 0).factory());

    /// Does something with rows `first` to `first + count - 1`.
    @FunctionalInterface
    interface Rows {
        void process(int first, int count);
    }

    private final int rows;
    private final int chunk;
    private final AtomicInteger next = new AtomicInteger();
    private final Map<Integer, Throwable> failures = new ConcurrentSkipListMap<>();

    private RowWork(int rows, int chunk) {
        this.rows = rows;
        this.chunk = chunk;
    }

    /// Runs a task once for each row; the calling thread takes part.
    ///
    /// When rows fail, the exception of the lowest one is thrown, however the rows were shared out.
    ///
    /// @param tasks called once in each thread, for what that thread does with a row
    static void share(int rows, int threads, Supplier<IntConsumer> tasks) {
        new RowWork(rows, CHUNK)
                .share(
                        threads,
                        () -> {
                            IntConsumer task = tasks.get();
                            return (first, count) -> {
                                for (int row = first; row < first + count; row++) {
                                    task.accept(row);
                                }
                            };
                        });
    }

    /// Runs a task once for every `chunk` rows, in any order; the calling thread takes part.
    static void share(int rows, int chunk, int threads, Rows task) {
        new RowWork(rows, chunk).share(threads, () -> task);
    }

    private void share(int threads, Supplier<Rows> tasks) {
        int others = Math.min(threads, Math.ceilDiv(rows, chunk)) - 1;
        CountDownLatch done = new CountDownLatch(Math.max(others, 0));
        for (int i = 0; i < others; i++) {
            THREADS.execute(() -> {
                try {
                    run(tasks);
                } finally {
                    done.countDown();
                }
            });
        }
        run(tasks);
        awaitUninterruptibly(done);
        failures.values().stream().findFirst().ifPresent(RowWork::rethrow);
    }

    /// Chunks are claimed in ascending order and a claimed one is always worked on: no row below a failed one is
    /// left out.
    private void run(Supplier<Rows> tasks) {
        int first = 0;
        try {
            Rows task = tasks.get();
            while (failures.isEmpty() && (first = next.getAndAdd(chunk)) < rows) {
                task.process(first, Math.min(chunk, rows - first));
            }
        } catch (RuntimeException | Error failure) {
            failures.put(first, failure);
        }
    }

    /// The threads write to what the caller holds, so it cannot leave before they are done.
    private static void awaitUninterruptibly(CountDownLatch done) {
        boolean interrupted = false;
        while (done.getCount() > 0) {
            try {
                done.await();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void rethrow(Throwable failure) {
        switch (failure) {
            case Error error -> throw error;
            case RuntimeException exception -> throw exception;
            default -> throw new IllegalStateException(failure);
        }
    }
}
