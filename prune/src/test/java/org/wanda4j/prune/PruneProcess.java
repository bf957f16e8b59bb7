package org.wanda4j.prune;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.wanda4j.HeldProcess;
import org.wanda4j.JavaProcess;
import org.wanda4j.SharedFiles;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.report.PruneReport;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;

/// A run on the tiny model in a process of its own, which can be killed.
record PruneProcess(Job job, Path output) {

    /// What is run.
    enum Job {
        MAGNITUDE("magnitude", CalibrationOrder.STAGE, ComputeType.FP32, false, Allocation.UNIFORM),
        WANDA("wanda", CalibrationOrder.STAGE, ComputeType.BF16, false, Allocation.UNIFORM),
        WANDA_BLOCK("wanda", CalibrationOrder.BLOCK, ComputeType.BF16, false, Allocation.UNIFORM),
        WANDA_FP32("wanda", CalibrationOrder.STAGE, ComputeType.FP32, false, Allocation.UNIFORM),
        SPARSEGPT("sparsegpt", CalibrationOrder.STAGE, ComputeType.FP32, false, Allocation.OWL),
        SPARSEGPT_BF16(
                "sparsegpt", CalibrationOrder.BLOCK, ComputeType.BF16, false, Allocation.DLP),
        ADMM("admm", CalibrationOrder.STAGE, ComputeType.FP32, false, Allocation.UNIFORM),
        TUNED("wanda", CalibrationOrder.STAGE, ComputeType.BF16, true, Allocation.UNIFORM),
        TUNED_BLOCK("wanda", CalibrationOrder.BLOCK, ComputeType.FP32, true, Allocation.UNIFORM);

        private final String method;
        private final CalibrationOrder order;
        private final ComputeType type;
        private final boolean tune;
        private final Allocation allocation;

        Job(
                String method,
                CalibrationOrder order,
                ComputeType type,
                boolean tune,
                Allocation allocation) {
            this.method = method;
            this.order = order;
            this.type = type;
            this.tune = tune;
            this.allocation = allocation;
        }

        Recipe recipe() {
            return Recipe.DEFAULT
                    .withMethod(method)
                    .withOrder(order)
                    .withType(type)
                    .withTuning(tune ? Optional.of(new Tuning(1, 3e-4)) : Optional.empty())
                    .withAllocation(allocation, Recipe.DEFAULT.sparsityOf())
                    .withSampling(
                            new Recipe.Sampling(
                                    CalibrationSampler.PACKED, 24, OptionalInt.of(64), 0));
        }

        /// Runs it in this process.
        PruneReport run(Path output, RunSettings settings, Consumer<PrunedMasks> masks) {
            return run(output, false, false, settings, masks);
        }

        /// Goes on with it in this process.
        PruneReport resume(Path output, RunSettings settings, Consumer<PrunedMasks> masks) {
            return run(output, true, true, settings, masks);
        }

        private PruneReport run(
                Path output,
                boolean resume,
                boolean force,
                RunSettings settings,
                Consumer<PrunedMasks> masks) {
            Corpus text = Corpus.bundledCalibration();
            try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
                return resume
                        ? Pruner.resume(model, recipe(), text, output, force, settings, masks)
                        : Pruner.prune(model, recipe(), text, output, force, settings, masks);
            }
        }
    }

    /// JOB OUTPUT, and `resume` or `force` or both.
    public static void main(String[] arguments) {
        List<String> options = List.of(arguments);
        Job.valueOf(arguments[0])
                .run(
                        Path.of(arguments[1]),
                        options.contains("resume"),
                        options.contains("force"),
                        new RunSettings(2, Long.MAX_VALUE, new Started()),
                        _ -> {});
    }

    /// Tells the parent process when the work begins.
    private static final class Started implements Progress {

        @Override
        public void start(String what, long tokens) {
            System.out.write('+');
            System.out.flush();
        }

        @Override
        public void advance(long tokens, String step) {}
    }

    /// Runs to the end, or until so much time has gone since the work began.
    ///
    /// @return whether it came to its end
    boolean runFor(long milliseconds, String... options) {
        try {
            Process process =
                    JavaProcess.of(List.of(), PruneProcess.class, arguments(options))
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            process.getInputStream().read();
            boolean ended = process.waitFor(milliseconds, TimeUnit.MILLISECONDS);
            process.destroyForcibly().waitFor();
            if (ended && process.exitValue() != 0) {
                throw new AssertionError("the process ended with " + process.exitValue());
            }
            return ended;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    /// Is killed where it comes to a point.
    void killAt(HeldProcess.Point point, String... options) {
        var command =
                JavaProcess.of(List.of(HeldProcess.OPTION), PruneProcess.class, arguments(options))
                        .redirectError(ProcessBuilder.Redirect.DISCARD);
        try (var _ = HeldProcess.start(command, point)) {
            // Closing kills it.
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private String[] arguments(String... options) {
        return Stream.concat(Stream.of(job.name(), output.toString()), Stream.of(options))
                .toArray(String[]::new);
    }

    private static AssertionError interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new AssertionError("interrupted while waiting for a process", e);
    }
}
