package org.wanda4j.calibrate;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.wanda4j.checkpoint.InvalidInputException;

/// How a run uses the machine. Nothing here changes its result.
///
/// @param threads that compute
/// @param scratchMemory most bytes to keep in memory of each: activations, what becomes of a block, sums over its inputs. More lie
///     in mapped files, or are taken one after the other
/// @param progress receives how far the run has come
/// @param runner where calibration windows are run, by those who prune along them
public record RunSettings(int threads, long scratchMemory, Progress progress, WindowRunner runner) {

    private static final int MEMORY_SHARE = 4;

    /// Checks the ranges.
    ///
    /// @throws InvalidInputException when one is left
    public RunSettings {
        if (threads < 1) {
            throw new InvalidInputException("threads must be at least 1, got " + threads);
        }
    }

    /// In this process.
    public RunSettings(int threads, long scratchMemory, Progress progress) {
        this(threads, scratchMemory, progress, WindowRunner.LOCAL);
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
        return new RunSettings(count, scratchMemory, progress, runner);
    }

    /// These settings with other progress.
    public RunSettings withProgress(Progress other) {
        return new RunSettings(threads, scratchMemory, other, runner);
    }

    /// These settings with calibration windows run elsewhere.
    public RunSettings withRunner(WindowRunner other) {
        return new RunSettings(threads, scratchMemory, progress, other);
    }

    /// With files in `directory`.
    public ScratchSpace scratch(Path directory) {
        return new ScratchSpace(scratchMemory, directory);
    }

    /// Memory of the machine, or of the container that the process runs in, in bytes.
    public static long physicalMemory() {
        return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getTotalMemorySize();
    }
}
