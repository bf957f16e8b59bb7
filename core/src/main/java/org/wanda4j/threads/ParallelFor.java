package org.wanda4j.threads;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/// Runs a task for each index of a range on several threads; each thread takes the lowest index that is left.
///
/// A failure stops the others after their current index. The caller returns when no thread runs any more, and throws what the
/// lowest failed index threw, with the other failures suppressed in it. That does not depend on how indices were shared out, as
/// every index below a failed one was run. A [CancellationException], with which a task ends because of another one's
/// failure, is thrown only if there is no other.
public final class ParallelFor {

    /// Sorts behind every index.
    private static final int CALLER = Integer.MAX_VALUE;

    private final int count;
    private final Supplier<IntConsumer> tasks;
    private final Runnable onFailure;
    private final AtomicInteger next = new AtomicInteger();
    private final ConcurrentNavigableMap<Integer, Throwable> failures =
            new ConcurrentSkipListMap<>();

    private ParallelFor(int count, Supplier<IntConsumer> tasks, Runnable onFailure) {
        this.count = count;
        this.tasks = tasks;
        this.onFailure = onFailure;
    }

    /// Runs `task` once for each of 0 to `count - 1` on threads of `pool`.
    ///
    /// @param threads number of threads
    /// @param onFailure runs after each failure, before the caller returns: it has to end tasks that wait for others
    /// @throws CancellationException when the caller was interrupted before every index was taken
    public static void on(
            Executor pool, int threads, int count, IntConsumer task, Runnable onFailure) {
        new ParallelFor(count, () -> task, onFailure).run(pool, threads, false);
    }

    /// Runs a task once for each of 0 to `count - 1` on the calling thread and on threads of `pool`.
    ///
    /// @param others threads besides the caller's
    /// @param tasks called once in each thread, gives the task of that thread
    /// @throws CancellationException when the caller was interrupted before every index was taken
    public static void withCaller(
            Executor pool, int others, int count, Supplier<IntConsumer> tasks) {
        new ParallelFor(count, tasks, () -> {}).run(pool, others, true);
    }

    private void run(Executor pool, int threads, boolean withCaller) {
        List<CompletableFuture<Void>> started = new ArrayList<>();
        try {
            for (int i = 0; i < threads; i++) {
                started.add(CompletableFuture.runAsync(this::work, pool));
            }
        } catch (RuntimeException | Error e) { // such as no more threads
            failures.put(CALLER, e);
        }
        if (withCaller) {
            work();
        }
        await(CompletableFuture.allOf(started.toArray(CompletableFuture[]::new)));
        throwFirst();
    }

    private void work() {
        int index = 0;
        try {
            IntConsumer task = tasks.get();
            while (failures.isEmpty() && (index = next.getAndIncrement()) < count) {
                task.accept(index);
            }
        } catch (RuntimeException | Error e) {
            failures.merge(index, e, ParallelFor::suppress);
            onFailure.run();
        }
    }

    private void await(CompletableFuture<Void> all) {
        try {
            all.get();
        } catch (InterruptedException e) {
            if (next.getAndSet(count) < count) {
                failures.put(CALLER, new CancellationException("interrupted"));
            }
            all.join();
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw Threads.rethrow(e.getCause());
        }
    }

    private void throwFirst() {
        if (!failures.isEmpty()) {
            throw Threads.rethrow(
                    failures.values().stream()
                            .sorted(Comparator.comparing(CancellationException.class::isInstance))
                            .reduce(ParallelFor::suppress)
                            .get());
        }
    }

    private static Throwable suppress(Throwable first, Throwable other) {
        if (!first.equals(other)) {
            first.addSuppressed(other);
        }
        return first;
    }
}
