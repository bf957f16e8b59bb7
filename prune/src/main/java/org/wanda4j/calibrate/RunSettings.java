package org.wanda4j.calibrate;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.Engine;

/// How a run uses the machine. Nothing here changes its result, but a device the last bits of it.
///
/// @param threads that compute
/// @param scratchMemory most bytes to keep in memory of each: activations, what becomes of a block, sums over its inputs. More lie
///     in mapped files, or are taken one after the other
/// @param progress receives how far the run has come
/// @param device where models are run
/// @param runner where calibration windows are run, by those who prune along them
public record RunSettings(
        int threads, long scratchMemory, Progress progress, Device device, WindowRunner runner) {

    private static final int MEMORY_SHARE = 4;

    /// Checks the ranges.
    ///
    /// @throws InvalidInputException when one is left
    public RunSettings {
        if (threads < 1) {
            throw new InvalidInputException("threads must be at least 1, got " + threads);
        }
    }

    /// In this process, on the host.
    ///
    /// @throws InvalidInputException when a range is left
    public RunSettings(int threads, long scratchMemory, Progress progress) {
        this(threads, scratchMemory, progress, Device.HOST, WindowRunner.LOCAL);
    }

    /// All cores, a quarter of the memory, no progress.
    public static RunSettings defaults() {
        return new RunSettings(
                Runtime.getRuntime().availableProcessors(),
                physicalMemory() / MEMORY_SHARE,
                Progress.NONE);
    }

    /// What computes, in `type`.
    @SuppressWarnings("MustBeClosed") // The caller does.
    public Engine engine(ComputeType type) {
        return new Engine(type, threads, device);
    }

    /// Refuses a device, for work that has none.
    ///
    /// @param work what it is, in a word or two
    /// @throws InvalidInputException where one was chosen
    public void requireHost(String work) {
        if (!device.isHost()) {
            throw new InvalidInputException(
                    "--device %s: %s is done on the CPU alone; leave --device out"
                            .formatted(device, work));
        }
    }

    /// These settings with another device.
    public RunSettings withDevice(Device other) {
        return new RunSettings(threads, scratchMemory, progress, other, runner);
    }

    /// These settings with so many threads.
    public RunSettings withThreads(int count) {
        return new RunSettings(count, scratchMemory, progress, device, runner);
    }

    /// These settings with other progress.
    public RunSettings withProgress(Progress other) {
        return new RunSettings(threads, scratchMemory, other, device, runner);
    }

    /// These settings with calibration windows run elsewhere.
    public RunSettings withRunner(WindowRunner other) {
        return new RunSettings(threads, scratchMemory, progress, device, other);
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
