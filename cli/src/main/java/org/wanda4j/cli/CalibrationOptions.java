package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.OptionalInt;
import org.wanda4j.checkpoint.ModelDirectory;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Calibration text, and how windows are chosen from it.
final class CalibrationOptions {

    @Mixin private final TextOption text = new TextOption();

    @Option(
            names = "--windows",
            paramLabel = "N",
            description = "calibration windows (default: 128)")
    private Integer windows;

    @Option(
            names = "--seqlen",
            paramLabel = "N",
            description = "tokens of a window (default: 512, or what the model can take)")
    private Integer seqlen;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "of the sampler (default: 0)")
    private long seed;

    @Option(
            names = "--sampler",
            paramLabel = "packed|reference",
            defaultValue = "packed",
            description =
                    "packed: whole documents end to end; reference: the published code's choice,"
                            + " a piece of a longer document for each window (default: ${DEFAULT-VALUE})")
    private CalibrationSampler sampler;

    @Option(
            names = "--calibrate-all-experts",
            description =
                    "of a mixture of experts: every token goes through every expert for statistics,"
                            + " not only through those that it is routed to")
    private boolean allExperts;

    /// The text for windows of a model, which writes it where it is to.
    Corpus corpus(Path model, ComputeOptions compute) {
        return corpus(model, Recipe.DEFAULT.sampling(), 0, compute);
    }

    /// The same.
    ///
    /// @param start what holds for options that were not given
    /// @param tokens that are taken for something else than windows
    Corpus corpus(Path model, Recipe.Sampling start, long tokens, ComputeOptions compute) {
        return text.corpus(
                model,
                share ->
                        TextOption.written(
                                model,
                                share * Math.max(tokens, tokens(model, start)),
                                seed,
                                compute.threads()));
    }

    private long tokens(Path model, Recipe.Sampling start) {
        Recipe.Sampling sampling =
                sampling(start).resolve(Families.describe(ModelDirectory.of(model)));
        return (long) sampling.windows() * sampling.seqlen().orElseThrow();
    }

    /// How many tokens of the text the model writes.
    ///
    /// @param start what holds for options that were not given
    /// @param tokens that are taken for something else than windows
    long writtenTokens(Path model, Recipe.Sampling start, long tokens) {
        return TextOption.toWrite(text.selfShare() * Math.max(tokens, tokens(model, start)));
    }

    /// The text, the bundled one in place of one that the model would write.
    Corpus standIn(Path model) {
        return text.corpus(model, _ -> Corpus.bundledCalibration());
    }

    /// How text is read.
    TextReading reading() {
        return text.reading();
    }

    boolean given() {
        return text.given();
    }

    /// Whether the text is `none`: a command that can do without says so in its help.
    boolean isNone() {
        return text.isNone();
    }

    /// The options that were given, and those of `start` for the others.
    Recipe.Sampling sampling(Recipe.Sampling start) {
        return new Recipe.Sampling(
                sampler,
                windows == null ? start.windows() : windows,
                seqlen == null ? start.seqlen() : OptionalInt.of(seqlen),
                seed,
                allExperts);
    }
}
