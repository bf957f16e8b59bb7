package org.wanda4j.recover;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.wanda4j.HeldProcess;
import org.wanda4j.JavaProcess;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.recover.Recovery.Length;
import org.wanda4j.recover.Recovery.Objective;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// A recovery in a process of its own, which can be killed. Each step is kept.
record RecoverProcess(Path pruned, Path teacher, Path output, Recovery recovery) {

    static final int LENGTH = 32;
    static final int STEPS = 14;

    static final Recovery RECOVERY =
            new Recovery(
                    new Scope.All(),
                    new Objective.Logits(1, 0),
                    new Length.Tokens((long) STEPS * Recovery.WINDOWS_PER_STEP * LENGTH),
                    OptionalDouble.of(1e-3),
                    OptionalInt.of(LENGTH),
                    0,
                    Optional.empty(),
                    Optional.of(ComputeType.FP32));

    RecoverProcess(Path pruned, Path teacher, Path output) {
        this(pruned, teacher, output, RECOVERY);
    }

    /// Prunes the tiny model to 70 %, by magnitude.
    ///
    /// @return where to
    static Path prune(Path target) {
        try (Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama())) {
            Pruner.prune(
                    dense,
                    Recipe.DEFAULT
                            .withMethod("magnitude")
                            .withPattern(new SparsityPattern.Unstructured(0.7)),
                    Corpus.bundledCalibration(),
                    target,
                    false,
                    new RunSettings(2, Long.MAX_VALUE, Progress.NONE));
        }
        return target;
    }

    /// PRUNED TEACHER OUTPUT
    public static void main(String[] arguments) {
        new RecoverProcess(Path.of(arguments[0]), Path.of(arguments[1]), Path.of(arguments[2]))
                .resume(2);
    }

    /// Runs it in this process, from where an earlier one was.
    RecoverReport resume(int threads) {
        return resume(new RunSettings(threads, Long.MAX_VALUE, Progress.NONE));
    }

    RecoverReport resume(RunSettings settings) {
        try (Checkpoint model = Checkpoint.open(pruned);
                Checkpoint dense = Checkpoint.open(teacher)) {
            return new Recoverer(
                            model,
                            Optional.of(dense),
                            recovery,
                            Corpus.bundledCalibration(),
                            output,
                            settings,
                            Duration.ZERO)
                    .resume(output, false);
        }
    }

    /// Is killed where it comes to a point.
    void killAt(HeldProcess.Point point) throws InterruptedException {
        try (var _ =
                HeldProcess.start(
                        JavaProcess.of(
                                        List.of(HeldProcess.OPTION),
                                        RecoverProcess.class,
                                        pruned.toString(),
                                        teacher.toString(),
                                        output.toString())
                                .redirectError(ProcessBuilder.Redirect.DISCARD),
                        point)) {
            // Closing kills it.
        }
    }
}
