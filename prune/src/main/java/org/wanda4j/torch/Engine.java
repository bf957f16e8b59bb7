package org.wanda4j.torch;

import java.lang.module.ModuleDescriptor;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.global.torch;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.threads.ParallelFor;
import org.wanda4j.threads.Threads;

/// The threads that compute, each with a libtorch of one thread to itself.
///
/// Work is cut by windows, not inside a matrix product: there is no barrier within a layer, and a
/// window's values do not depend on how many threads there are.
///
/// For that, libtorch and OpenBLAS are set to one thread each, in the whole process and for good: a program that uses them
/// besides computes there with one thread too, unless it sets them anew.
public final class Engine implements AutoCloseable {

    private final ComputeType type;
    private final int threads;
    private final Device device;
    private final ExecutorService pool;

    /// Starts `threads` threads, which compute.
    ///
    /// @throws InvalidInputException when the libtorch that was named cannot be used
    public Engine(ComputeType type, int threads) {
        this(type, threads, Device.HOST);
    }

    /// Starts `threads` threads, which compute; or one that gives a device its work, batch after batch.
    ///
    /// @throws InvalidInputException when the libtorch that was named cannot be used
    public Engine(ComputeType type, int threads, Device device) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, got " + threads);
        }
        NativeLibraries.load();
        this.type = type;
        this.device = device;
        this.threads = device.isHost() ? threads : 1;
        torch.set_num_threads(1);
        openblas.blas_set_num_threads(1);
        this.pool =
                Executors.newFixedThreadPool(
                        this.threads, Thread.ofPlatform().daemon().name("wanda-", 0).factory());
    }

    /// The type in which linears are computed.
    public ComputeType type() {
        return type;
    }

    /// Where tensors lie.
    public Device device() {
        return device;
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
                + (device.isHost() ? "" : device + ", ")
                + threads
                + (threads == 1 ? " thread" : " threads");
    }

    /// What decides the last bits of a result, besides the recipe: the instruction set, another libtorch than the bundled one, a
    /// device.
    public static String machine(Device device) {
        return cpuCapability()
                + Libtorch.load()
                        .directory()
                        .map(_ -> ", libtorch " + Libtorch.load().version())
                        .orElse("")
                + (device.isHost() ? "" : ", " + device);
    }

    /// Version of the libtorch binding.
    public static String version() {
        return versionOf(torch.class).orElse("unknown");
    }

    /// Version of the jar that a class is in: of its manifest or, on the module path, of its module.
    public static Optional<String> versionOf(Class<?> type) {
        return Optional.ofNullable(type.getPackage().getImplementationVersion())
                .or(() ->
                        Optional.ofNullable(type.getModule().getDescriptor())
                                .flatMap(ModuleDescriptor::rawVersion));
    }

    /// The instruction set that libtorch chose for its own kernels.
    ///
    /// @throws InvalidInputException when the libtorch that was named cannot be used
    public static String cpuCapability() {
        NativeLibraries.load();
        return torch.get_cpu_capability().getString();
    }

    /// Runs `task` for 0 to `count - 1` on all threads, each taking the lowest that is left. Tensors that a task makes are
    /// freed when it ends.
    ///
    /// When this returns or throws, no task runs any more: the memory that they use may be freed.
    ///
    /// @throws RuntimeException what the task of the lowest index threw; a failure stops the rest
    /// @throws CancellationException when the caller was interrupted
    public void forEach(int count, IntConsumer task) {
        forEach(count, task, () -> {});
    }

    /// The same for tasks that wait for one another.
    ///
    /// @param onFailure runs when a task has failed: it has to end the waiting of the others
    public void forEach(int count, IntConsumer task, Runnable onFailure) {
        ParallelFor.on(pool, threadsFor(count), count, index -> inScope(task, index), onFailure);
    }

    private static void inScope(IntConsumer task, int index) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            task.accept(index);
        }
    }

    /// Waits for what other callers have running.
    @Override
    public void close() {
        Threads.finish(pool);
        NativeHeap.trim();
    }
}
