package org.wanda4j.threads;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/// A value that another thread computes.
public final class BackgroundTask<T> {

    private final CompletableFuture<T> value;

    private BackgroundTask(CompletableFuture<T> value) {
        this.value = value;
    }

    /// Starts to compute a value on `thread`.
    public static <T> BackgroundTask<T> start(Executor thread, Supplier<T> work) {
        return new BackgroundTask<>(CompletableFuture.supplyAsync(work, thread));
    }

    /// Starts to compute a value on a new daemon thread.
    ///
    /// @param name of the thread
    public static <T> BackgroundTask<T> start(String name, Supplier<T> work) {
        return start(task -> Thread.ofPlatform().daemon().name(name).start(task), work);
    }

    /// A value that is known.
    public static <T> BackgroundTask<T> of(T value) {
        return new BackgroundTask<>(CompletableFuture.completedFuture(value));
    }

    /// Waits for the value.
    ///
    /// @throws RuntimeException what the computation threw
    public T await() {
        try {
            return value.join();
        } catch (CompletionException e) {
            throw Threads.rethrow(e.getCause());
        }
    }

    /// The value; empty while it is being computed.
    ///
    /// @throws RuntimeException what the computation threw
    public Optional<T> ifDone() {
        return value.isDone() ? Optional.of(await()) : Optional.empty();
    }
}
