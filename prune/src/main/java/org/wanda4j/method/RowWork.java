package org.wanda4j.method;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.wanda4j.threads.ParallelFor;

/// Rows of a matrix, shared out to threads. The calling thread takes part.
///
/// When rows fail, the exception of the lowest one is thrown, however the rows were shared out.
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

    private RowWork() {}

    /// Runs a task once for each row.
    ///
    /// @param tasks called once in each thread, for what that thread does with a row
    static void share(int rows, int threads, Supplier<IntConsumer> tasks) {
        shareChunks(
                rows,
                CHUNK,
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

    /// Runs a task once for every `chunk` rows, in any order.
    static void share(int rows, int chunk, int threads, Rows task) {
        shareChunks(rows, chunk, threads, () -> task);
    }

    private static void shareChunks(int rows, int chunk, int threads, Supplier<Rows> tasks) {
        int chunks = Math.ceilDiv(rows, chunk);
        ParallelFor.withCaller(
                THREADS,
                Math.min(threads, chunks) - 1,
                chunks,
                () -> {
                    Rows task = tasks.get();
                    return index -> {
                        int first = index * chunk;
                        task.process(first, Math.min(chunk, rows - first));
                    };
                });
    }
}
