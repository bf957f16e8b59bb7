package org.wanda4j.spark;

import java.io.IOException;
import java.net.InetAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.torch.Engine;

/// The process that runs a task.
final class Executor {

    private Executor() {}

    /// Does the work of a task in a thread that nobody interrupts. Spark interrupts a task that another one was faster than, and an
    /// interrupted thread closes the file that it reads: the model's, for all tasks of the process.
    static <T> T uninterrupted(Supplier<T> work) {
        try {
            return CompletableFuture.supplyAsync(
                            work, task -> Thread.ofPlatform().daemon().start(task))
                    .join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    /// What a task may use of the machine: the cores that Spark gave it, and their share of the memory.
    ///
    /// @param cpu the instruction set that the driver computes with
    /// @throws InvalidInputException when this machine has another one
    static RunSettings settings(TaskContext task, String cpu) {
        checkCpu(cpu);
        int threads = task.cpus();
        RunSettings all = RunSettings.defaults();
        int cores = Math.max(threads, all.threads());
        return new RunSettings(threads, all.scratchMemory() / cores * threads, Progress.NONE);
    }

    /// Refuses a machine that would round otherwise than the driver's.
    ///
    /// @param cpu the instruction set that the driver computes with
    /// @throws InvalidInputException when this machine has another one
    static void checkCpu(String cpu) {
        String own = Engine.cpuCapability();
        if (!own.equals(cpu)) {
            throw new InvalidInputException(
                    "%s computes with %s, the driver with %s: what comes out would depend on who computes what; use machines of one kind"
                            .formatted(host(), own, cpu));
        }
    }

    /// Its name, for messages.
    static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (IOException e) {
            return "a worker";
        }
    }
}
