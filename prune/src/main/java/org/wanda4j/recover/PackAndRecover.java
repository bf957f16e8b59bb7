package org.wanda4j.recover;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Recipe;
import org.wanda4j.quantize.CalibratedPacking;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.torch.ComputeType;

/// Packs a checkpoint, its weights rounded along a text, and trains norms and biases of the packed one towards it: rounding moves what
/// blocks give by more than chance, and these few values take that back. Until the output is there, the packed checkpoint lies in
/// `OUTPUT.rounded`.
///
/// @param source what is packed; the teacher
/// @param values of linears: int8 or int4
/// @param tableValues of embedding and head: bf16, int8 or int4
/// @param type that windows are computed in
/// @param sampling which windows of `text` rounding goes by
/// @param text for both
/// @param tokens that norms are trained on; 0 leaves them as they are
public record PackAndRecover(
        Checkpoint source,
        ValueType values,
        ValueType tableValues,
        ComputeType type,
        Recipe.Sampling sampling,
        Corpus text,
        long tokens,
        RunSettings settings) {

    /// Tokens that norms are trained on where nobody says how many.
    public static final long TOKENS = 16_384;

    /// Nothing is kept for a run to be resumed: rounding would have to be done again.
    private static final Duration NEVER = Duration.ofDays(Integer.MAX_VALUE);

    /// Checks the range.
    ///
    /// @throws InvalidInputException when it is left
    public PackAndRecover {
        if (tokens < 0) {
            throw new InvalidInputException("--recover-tokens must be at least 0, got " + tokens);
        }
    }

    /// Writes the packed copy to `output`, which appears there whole or not at all.
    ///
    /// @param replace whether a checkpoint that is already there may be replaced
    /// @throws InvalidInputException when something that was given cannot be used; nothing is left behind
    public PackReport pack(Path output, boolean replace) {
        if (tokens == 0) {
            return round(output, replace);
        }
        OutputDirectory.claim(output, source, replace).close(); // Before it is needed.
        Recovery recovery = recovery();
        requireText(recovery);
        Path rounded = OutputDirectory.beside(output, ".rounded");
        PackReport report = round(rounded, replace);
        try {
            return report.recovered(output.toString(), recover(recovery, rounded, output, replace));
        } finally {
            OutputDirectory.delete(rounded);
        }
    }

    /// Rounding takes minutes, and needs less text.
    private void requireText(Recovery recovery) {
        try (Tokenizer tokenizer = Tokenizer.open(source.directory())) {
            Recoverer.windows(text, tokenizer, recovery);
        } catch (InvalidInputException e) {
            throw new InvalidInputException(
                    e.getMessage() + "; --recover-tokens 0 leaves norms as they are", e);
        }
    }

    private PackReport round(Path rounded, boolean replace) {
        try (var directory = OutputDirectory.claim(rounded, source, replace)) {
            return CalibratedPacking.pack(
                    source, values, tableValues, type, sampling, text, directory, settings);
        }
    }

    private PackReport.Recovered recover(
            Recovery recovery, Path rounded, Path output, boolean replace) {
        try (Checkpoint packed = Checkpoint.open(rounded)) {
            RecoverReport report =
                    new Recoverer(
                                    packed,
                                    Optional.of(source),
                                    recovery,
                                    text,
                                    output,
                                    settings,
                                    NEVER)
                            .begin(output, replace);
            return new PackReport.Recovered(
                    report.tokens(), report.lossBefore(), report.lossAfter(), report.seconds());
        }
    }

    /// Of norms, in windows that are no longer than those that rounding goes by.
    private Recovery recovery() {
        int longest = Math.min(Recovery.LONGEST_WINDOW, Families.describe(source).positions());
        return new Recovery(
                new Recovery.Scope.Norms(),
                Recovery.DEFAULT.objective(),
                new Recovery.Length.Tokens(tokens),
                OptionalDouble.empty(),
                OptionalInt.of(Math.min(longest, sampling.seqlen().orElse(longest))),
                sampling.seed(),
                Optional.empty(),
                Optional.of(type));
    }
}
