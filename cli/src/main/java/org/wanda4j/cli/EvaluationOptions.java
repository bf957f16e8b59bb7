package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.families.Families;
import org.wanda4j.torch.ComputeType;
import picocli.CommandLine.Option;

/// The text that variants of a model are measured on.
final class EvaluationOptions {

    private static final int SHORT_WINDOW = 512;
    private static final int FEW_WINDOWS = 20;

    @Option(
            names = "--eval-text",
            paramLabel = "TEXT",
            description =
                    "text to predict, read as --calibration is (default: the bundled WikiText-2 test set)")
    private String text;

    @Option(
            names = "--eval-seqlen",
            paramLabel = "N",
            description =
                    "tokens of an evaluation window (default: 2048, by fit 512, or what the model can take)")
    private Integer seqlen;

    @Option(
            names = "--eval-windows",
            paramLabel = "N",
            description = "how many of them from the front of the text (default: all, by fit 20)")
    private Integer windows;

    /// With tasks besides.
    Evaluation of(Path model, TextReading reading, TaskOptions tasks, Optional<ComputeType> type) {
        return Evaluation.of(
                Optional.of(reading.openEvaluation(text, model)),
                seqlen,
                windows,
                tasks.tasks(),
                tasks.items(),
                type);
    }

    /// Of a part of the text, where nothing else was asked for.
    Evaluation ofPart(Path model, TextReading reading, Optional<ComputeType> type) {
        Integer shorter = seqlen;
        if (shorter == null) {
            try (Checkpoint checkpoint = Checkpoint.open(model)) {
                shorter = Math.min(SHORT_WINDOW, Families.describe(checkpoint).positions());
            }
        }
        return Evaluation.of(
                Optional.of(reading.openEvaluation(text, model)),
                shorter,
                windows == null ? FEW_WINDOWS : windows,
                List.of(),
                null,
                type);
    }
}
