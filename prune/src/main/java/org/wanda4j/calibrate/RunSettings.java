package org.wanda4j.calibrate;

import java.lang.management.ManagementFactory;
import org.wanda4j.checkpoint.InvalidInputException;

/// How a run uses the machine. Nothing here changes its result.
///
/// @param threads that compute
/// @param activationMemory most bytes of activations to keep in memory; more go to a mapped file
/// @param progress receives how far the run has come
public record RunSettings(int threads, long activationMemory, Progress progress) {

    private static final int MEMORY_SHARE = 4;

    /// Checks the ranges.
    ///
    /// @throws InvalidInputException when one is left
    public RunSettings {
        if (threads < 1) {
            throw new InvalidInputException("threads must be at least 1, got " + threads);
        }
    }

    /// All cores, a quarter of the memory, no progress.
    public static RunSettings defaults() {
        return new RunSettings(
                Runtime.getRuntime().availableProcessors(),
                physicalMemory() / MEMORY_SHARE,
                Progress.NONE);
    }

    /// These settings with so many threads.
    public RunSettings withThreads(int count) {
        return new RunSettings(count, activationMemory, progress);
    }

    /// These settings with other progress.
    public RunSettings withProgress(Progress other) {
        return new RunSettings(threads, activationMemory, other);
    }

    /// Memory of the machine, or of the container that the process runs in, in bytes.
    public static long physicalMemory() {
        return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getTotalMemorySize();
    }
}
