package org.wanda4j.checkpoint;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.wanda4j.threads.Threads;

/// Runs writes on a thread of its own, in the order of their submission, while the caller computes.
///
/// After a failure nothing more is written, as later writes, such as a journal's entry, depend on earlier ones. The next call throws
/// the failure.
final class WriteBehind implements AutoCloseable {

    /// A piece of writing.
    @FunctionalInterface
    interface Work {
        void run() throws IOException;
    }

    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().name("wanda-writer").factory());
    private volatile boolean abandoned;
    private volatile Throwable failure;

    /// Submits `work`. Memory that it reads must stay valid until [#settle()].
    void submit(Work work) throws IOException {
        check();
        thread.execute(() -> {
            if (failure == null && !abandoned) {
                try {
                    work.run();
                } catch (IOException | RuntimeException | Error e) {
                    failure = e;
                }
            }
        });
    }

    /// Waits until all submitted work is done.
    void settle() throws IOException {
        join();
        check();
    }

    /// Drops work that has not begun, and waits for the rest. No memory is read afterwards.
    void abandon() {
        abandoned = true;
        join();
    }

    private void join() {
        CompletableFuture.runAsync(() -> {}, thread).join();
    }

    private void check() throws IOException {
        switch (failure) {
            case null -> {}
            case IOException e -> throw e;
            default -> throw Threads.rethrow(failure);
        }
    }

    @Override
    public void close() {
        abandoned = true;
        Threads.finish(thread);
    }
}
