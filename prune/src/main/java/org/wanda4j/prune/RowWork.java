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

    private final int rows;
    private final AtomicInteger next = new AtomicInteger();
    private final Map<Integer, Throwable> failures = new ConcurrentSkipListMap<>();

    private RowWork(int rows) {
        this.rows = rows;
    }

    /// Runs a task once for each row; the calling thread takes part.
    ///
    /// When rows fail, the exception of the lowest one is thrown, however the rows were shared out.
    ///
    /// @param tasks called once in each thread, for what that thread does with a row
    static void share(int rows, int threads, Supplier<IntConsumer> tasks) {
        RowWork work = new RowWork(rows);
        int others = Math.min(threads, Math.ceilDiv(rows, CHUNK)) - 1;
        CountDownLatch done = new CountDownLatch(Math.max(others, 0));
        for (int i = 0; i < others; i++) {
            THREADS.execute(() -> {
                try {
                    work.run(tasks);
                } finally {
                    done.countDown();
                }
            });
        }
        work.run(tasks);
        awaitUninterruptibly(done);
        work.failures.values().stream().findFirst().ifPresent(RowWork::rethrow);
    }

    /// Chunks are claimed in ascending order and a claimed one is always worked on: no row below a failed one is
    /// left out.
    private void run(Supplier<IntConsumer> tasks) {
        int row = 0;
        try {
            IntConsumer task = tasks.get();
            while (failures.isEmpty() && (row = next.getAndAdd(CHUNK)) < rows) {
                for (int end = Math.min(rows, row + CHUNK); row < end; row++) {
                    task.accept(row);
                }
            }
        } catch (RuntimeException | Error failure) {
            failures.put(row, failure);
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
