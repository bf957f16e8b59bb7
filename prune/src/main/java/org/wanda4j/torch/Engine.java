package org.wanda4j.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.global.torch;

/// The threads that compute, each with a libtorch of one thread to itself.
///
/// Work is cut by windows, not inside a matrix product: cores never wait for one another within a layer, and a
/// window's values do not depend on how many threads there are.
public final class Engine implements AutoCloseable {

    private final ComputeType type;
    private final int threads;
    private final ExecutorService pool;

    /// Starts `threads` threads.
    public Engine(ComputeType type, int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, got " + threads);
        }
        this.type = type;
        this.threads = threads;
        torch.set_num_threads(1);
        openblas.blas_set_num_threads(1);
        this.pool =
                Executors.newFixedThreadPool(
                        threads, Thread.ofPlatform().daemon().name("wanda-", 0).factory());
    }

    /// The type in which linears are computed.
    public ComputeType type() {
        return type;
    }

    /// How many threads compute.
    public int threads() {
        return threads;
    }

    /// How many of them work on `count` tasks.
    public int threadsFor(int count) {
        return Math.min(threads, count);
    }

    /// What runs, for the banner: `libtorch AVX2, fp32, 2 threads`.
    public String describe() {
        return "libtorch "
                + cpuCapability()
                + ", "
                + type
                + ", "
                + threads
                + (threads == 1 ? " thread" : " threads");
    }

    /// Version of the libtorch binding.
    public static String version() {
        return Optional.ofNullable(torch.class.getPackage().getImplementationVersion())
                .orElse("unknown");
    }

    /// The instruction set that libtorch chose for its own kernels.
    public static String cpuCapability() {
        return torch.get_cpu_capability().getString();
    }

    /// Runs `task` for 0 to `count - 1`, in any order, on all threads; returns when all are done. Tensors that a task
    /// makes are freed when it ends. The first failure stops the rest and is thrown here.
    public void forEach(int count, IntConsumer task) {
        var next = new AtomicInteger();
        List<Future<?>> workers = new ArrayList<>();
        for (int worker = 0; worker < threadsFor(count); worker++) {
            workers.add(
                    pool.submit(() -> {
                        for (int i = next.getAndIncrement();
                                i < count;
                                i = next.getAndIncrement()) {
                            try {
                                inScope(task, i);
                            } catch (RuntimeException | Error e) {
                                next.set(count);
                                throw e;
                            }
                        }
                    }));
        }
        workers.forEach(Engine::await);
    }

    private static void inScope(IntConsumer task, int index) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            task.accept(index);
        }
    }

    /// Waits for work on another thread; what that threw is thrown here.
    public static void await(Future<?> work) {
        try {
            work.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                default -> throw new IllegalStateException(e.getCause());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    @Override
    public void close() {
        pool.shutdownNow();
        NativeHeap.trim();
    }
}
