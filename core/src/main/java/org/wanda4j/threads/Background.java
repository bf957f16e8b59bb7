package org.wanda4j.threads;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/// A value that another thread computes while its taker does other things.
public final class Background<T> {

    private final CompletableFuture<T> value;

    private Background(CompletableFuture<T> value) {
        this.value = value;
    }

    /// Has `thread` compute it.
    public static <T> Background<T> start(Executor thread, Supplier<T> work) {
        return new Background<>(CompletableFuture.supplyAsync(work, thread));
    }

    /// Computes it on a thread of its own.
    ///
    /// @param name of the thread
    public static <T> Background<T> start(String name, Supplier<T> work) {
        return start(task -> Thread.ofPlatform().daemon().name(name).start(task), work);
    }

    /// A value that is there.
    public static <T> Background<T> of(T value) {
        return new Background<>(CompletableFuture.completedFuture(value));
    }

    /// Waits for the value. What the work threw is thrown here.
    public T await() {
        try {
            return value.join();
        } catch (CompletionException e) {
            throw Threads.rethrow(e.getCause());
        }
    }

    /// The value if it is there. What the work threw is thrown here.
    public Optional<T> ifDone() {
        return value.isDone() ? Optional.of(await()) : Optional.empty();
    }
}
