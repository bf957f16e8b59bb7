package org.wanda4j.checkpoint;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.wanda4j.threads.Threads;

/// Writes on a thread of its own, in the order in which it was asked to, while the caller computes.
///
/// After a failure nothing more is written: what comes later, such as an entry that says that it was, must not be there
/// without it. The next call tells.
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

    /// Has `work` done after all that was asked for before. What it reads must stay until [#settle()].
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

    /// Waits until all that was asked for is done.
    void settle() throws IOException {
        join();
        check();
    }

    /// Gives up what was asked for and has not begun. Afterwards nothing is being read any more.
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
