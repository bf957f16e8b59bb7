package org.wanda4j.recover;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.text.Corpus;

/// Prunes a checkpoint and recovers what comes of it: two runs with one output. Until that is there, the pruned model lies in
/// `OUTPUT.pruned`.
public final class PruneAndRecover {

    private final Checkpoint dense;
    private final Recipe recipe;
    private final Recovery recovery;
    private final Corpus text;
    private final RunSettings settings;

    /// What both did.
    public record Report(PruneReport pruned, RecoverReport recovered) {}

    /// @param text to calibrate with and to train on
    /// @throws InvalidInputException when the settings' device does not train what is asked for
    public PruneAndRecover(
            Checkpoint dense, Recipe recipe, Recovery recovery, Corpus text, RunSettings settings) {
        this.dense = dense;
        this.recipe = recipe;
        this.recovery = recovery;
        this.text = text;
        this.settings = settings;
        recovery.values().ifPresent(_ -> settings.requireHost("--values"));
    }

    /// Writes the result to `output`, which appears there whole or not at all. What a run that is cut off had come to is left for
    /// [#resume].
    ///
    /// @param replace whether a checkpoint that is already at `output` may be replaced, and what an interrupted run left
    ///     there may be cleared away
    /// @throws InvalidInputException when something that was given cannot be used
    public Report run(Path output, boolean replace) {
        OutputDirectory.claim(output, dense, replace).close(); // Before it is needed.
        PruneReport pruned = Pruner.prune(dense, recipe, text, pruned(output), replace, settings);
        RecoverReport recovered;
        try (Checkpoint model = Checkpoint.open(pruned(output))) {
            recovered =
                    Recoverer.recover(
                            model,
                            Optional.of(dense),
                            recovery.after(pruned.seconds()),
                            text,
                            output,
                            replace,
                            settings);
        }
        return ended(output, new Report(pruned, recovered));
    }

    /// Resumes an interrupted run on `output`, to the same bytes. Where there is none, one is started; where it is complete, its
    /// report is returned.
    ///
    /// @param replace whether a checkpoint that is already at `output` may be replaced
    /// @throws InvalidInputException when something that was given cannot be used, or the run that was interrupted was another
    public Report resume(Path output, boolean replace) {
        return reportOf(output)
                .map(report -> ended(output, report))
                .orElseGet(() -> goOn(output, replace));
    }

    private Report goOn(Path output, boolean replace) {
        PruneReport pruned = Pruner.resume(dense, recipe, text, pruned(output), replace, settings);
        RecoverReport recovered;
        try (Checkpoint model = Checkpoint.open(pruned(output))) {
            recovered =
                    Recoverer.resume(
                            model,
                            Optional.of(dense),
                            recovery.after(pruned.seconds()),
                            text,
                            output,
                            replace,
                            settings);
        }
        return ended(output, new Report(pruned, recovered));
    }

    /// How far the run on `output` had come that was interrupted, in words; empty where nothing is left of one.
    public static Optional<String> left(Path output) {
        return Recoverer.left(output)
                .or(() -> Pruner.left(pruned(output)))
                .or(() ->
                        Files.exists(pruned(output))
                                ? Optional.of("all blocks are pruned")
                                : Optional.empty());
    }

    private Optional<Report> reportOf(Path output) {
        return Pruner.reportOf(output, dense, recipe, text)
                .flatMap(first ->
                        Recoverer.reportOf(
                                        output,
                                        Families.describe(dense),
                                        Optional.of(dense),
                                        recovery.after(first.seconds()),
                                        text,
                                        Optional.empty())
                                .map(second -> new Report(first, second)));
    }

    /// The pruned model is not needed any more.
    private static Report ended(Path output, Report report) {
        OutputDirectory.delete(pruned(output));
        return report;
    }

    private static Path pruned(Path output) {
        return OutputDirectory.beside(output, ".pruned");
    }
}
