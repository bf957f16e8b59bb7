package org.wanda4j.prune;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.wanda4j.allocate.Allocation.BlockScores;
import org.wanda4j.allocate.SparsityPlan;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.method.Method;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Journal.Outcome;
import org.wanda4j.report.ModelCard;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.Phases;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;
import tools.jackson.databind.JsonNode;

/// Prunes a checkpoint: [AlongWindows], or [WeightsAlone] by a method that needs no statistics; then the output is published.
public final class Pruner {

    /// File of the output with everything that decided it.
    public static final String RECIPE = "wanda-recipe.json";

    /// File of the output with the report of the run.
    public static final String REPORT = "wanda-report.json";

    private static final Duration INTERVAL_ON_DEVICE = Duration.ofMinutes(1);

    private final Checkpoint source;
    private final Recipe recipe;
    private final Corpus text;
    private final RunSettings settings;
    private final Architecture architecture;
    private final Method method;
    private final Set<Linear> chosen;
    private final SparsityPlan.Request spread;
    private final Phases phases = new Phases();

    private Pruner(Checkpoint source, Recipe recipe, Corpus text, RunSettings settings) {
        source.requireUnpacked();
        this.source = source;
        this.text = text;
        this.settings = settings;
        this.architecture = Families.describe(source);
        this.recipe = recipe.resolve(architecture);
        this.method = Methods.named(recipe.method());
        this.chosen = recipe.linears(architecture);
        checkPattern();
        this.spread =
                new SparsityPlan.Request(
                        recipe.pattern(), recipe.allocation(), recipe.sparsityOf());
    }

    /// Refuses what [#prune] would refuse of its inputs, before anything is computed.
    ///
    /// @throws InvalidInputException when something that was given cannot be used
    public static void check(Checkpoint source, Recipe recipe, Corpus text) {
        var pruner = new Pruner(source, recipe, text, RunSettings.defaults());
        if (recipe.needsCalibration()) {
            pruner.windows();
        }
    }

    /// Writes a pruned copy of `source` to `output`, which appears there whole or not at all.
    ///
    /// A run that is cut off, or fails by an I/O error, leaves its finished blocks for [#resume].
    ///
    /// @param text calibration text; not read by methods that need no statistics
    /// @param replace whether a checkpoint that is already at `output` may be replaced, and what an interrupted run left
    ///     there may be cleared away
    /// @throws InvalidInputException when something that was given cannot be used; nothing is left behind
    public static PruneReport prune(
            Checkpoint source,
            Recipe recipe,
            Corpus text,
            Path output,
            boolean replace,
            RunSettings settings) {
        return prune(source, recipe, text, output, replace, settings, _ -> {});
    }

    /// The same, with the masks.
    ///
    /// @param masks is given them when all blocks are pruned, before the output appears; they can be read until it returns
    public static PruneReport prune(
            Checkpoint source,
            Recipe recipe,
            Corpus text,
            Path output,
            boolean replace,
            RunSettings settings,
            Consumer<PrunedMasks> masks) {
        return new Pruner(source, recipe, text, settings)
                .run(OutputDirectory.claim(output, source, replace), masks);
    }

    /// Resumes an interrupted run on `output`; the result is the same, byte for byte, as without the interruption. Where there is
    /// no run, one is started; where the run is complete, its report is returned.
    ///
    /// @param replace whether a checkpoint that is already at `output` may be replaced
    /// @throws InvalidInputException when something that was given cannot be used, or the run that was interrupted had
    ///     another recipe, model or version; what it left stays
    public static PruneReport resume(
            Checkpoint source,
            Recipe recipe,
            Corpus text,
            Path output,
            boolean replace,
            RunSettings settings) {
        return resume(source, recipe, text, output, replace, settings, _ -> {});
    }

    /// The same, with the masks.
    ///
    /// @param masks is given those of all blocks, of the interrupted run too; not called where that run had returned from its
    ///     own
    public static PruneReport resume(
            Checkpoint source,
            Recipe recipe,
            Corpus text,
            Path output,
            boolean replace,
            RunSettings settings,
            Consumer<PrunedMasks> masks) {
        var pruner = new Pruner(source, recipe, text, settings);
        return pruner.ended(output)
                .orElseGet(
                        () -> pruner.run(OutputDirectory.resume(output, source, replace), masks));
    }

    /// How far the run on `output` had come that was interrupted, in words; empty where nothing is left of one.
    public static Optional<String> left(Path output) {
        return OutputDirectory.journalOf(output).map(Journal::describe);
    }

    /// What `output` says of its pruning, whether it was recovered afterwards or not; empty where it was not made of `source` by
    /// this recipe.
    ///
    /// @throws InvalidInputException when something that was given cannot be used
    public static Optional<PruneReport> reportOf(
            Path output, Checkpoint source, Recipe recipe, Corpus text) {
        return new Pruner(source, recipe, text, RunSettings.defaults()).documented(output);
    }

    private Optional<PruneReport> documented(Path output) {
        Path document = output.resolve(RECIPE);
        if (!Files.exists(document)) {
            return Optional.empty();
        }
        JsonNode then = Json.read(document);
        return Journal.differences(then, recipeDocument()).isEmpty()
                        && Journal.isModel(source, then)
                ? Optional.of(Json.read(output.resolve(REPORT), PruneReport.class))
                : Optional.empty();
    }

    /// The report of the complete run on `output`; empty where that is no run of this recipe, or a journal is left.
    private Optional<PruneReport> ended(Path output) {
        if (OutputDirectory.journalOf(output).isPresent()
                || Files.exists(output.resolve(RecoverReport.RECIPE))) {
            return Optional.empty();
        }
        Optional<PruneReport> report = documented(output);
        report.ifPresent(
                _ -> OutputDirectory.claim(output, source, true).close()); // Clears away the rest.
        return report;
    }

    private PruneReport run(OutputDirectory directory, Consumer<PrunedMasks> masks) {
        String machine = needsCalibration() ? Engine.machine(settings.device()) : "any";
        int blocks = architecture.blocks().size();
        try (var journal =
                Journal.open(
                        source, directory, recipeDocument(), machine, blocks, phases, interval())) {
            return run(directory, journal, masks);
        }
    }

    /// A card may prune a block in less time than its states take to be written.
    private Duration interval() {
        return settings.device().isHost() ? Duration.ZERO : INTERVAL_ON_DEVICE;
    }

    private PruneReport run(
            OutputDirectory directory, Journal journal, Consumer<PrunedMasks> masks) {
        try {
            prune(journal);
            journal.finish(architecture.blocks(), masks);
            CheckpointWriter writer = journal.writer();
            phases.time("write", writer::complete);
            RecipeDocument document = phases.time("hash", journal::recipe);
            PruneReport report = report(directory.target(), journal.outcome());
            writer.publish(
                    Map.of(
                            RECIPE,
                            Json.write(document),
                            REPORT,
                            Json.write(report),
                            "README.md",
                            ModelCard.of(report, source.directory())));
            return report;
        } catch (InvalidInputException e) {
            throw directory
                    .journal()
                    .map(file ->
                            new InvalidInputException(
                                    "%s; %s, and --resume goes on from there"
                                            .formatted(e.getMessage(), Journal.describe(file)),
                                    e))
                    .orElse(e);
        }
    }

    private RecipeDocument recipeDocument() {
        return phases.time("text", () -> RecipeDocument.of(recipe, text, needsCalibration()));
    }

    private boolean needsCalibration() {
        return recipe.needsCalibration();
    }

    private void prune(Journal journal) {
        if (journal.isComplete()) {
            return;
        }
        if (needsCalibration()) {
            Windows windows = phases.time("tokenize", this::windows);
            new AlongWindows(
                            source,
                            architecture,
                            recipe,
                            chosen,
                            this::linears,
                            windows,
                            journal,
                            settings,
                            phases)
                    .prune();
        } else {
            LinearPruner linears = linears(List.of());
            new WeightsAlone(architecture, linears, journal.writer(), journal, settings).prune();
        }
    }

    private Windows windows() {
        Windows windows = recipe.sampling().take(text, source.directory());
        LayerwiseForward.check(source, architecture, windows);
        return windows;
    }

    private LinearPruner linears(List<BlockScores> scores) {
        Map<Linear, SparsityPattern> patterns =
                SparsityPlan.of(architecture, spread, chosen, scores);
        return new LinearPruner(
                source,
                method,
                patterns,
                recipe.type().orElseThrow(),
                settings.threads(),
                settings.device(),
                phases,
                settings.runner().workers());
    }

    private void checkPattern() {
        if (recipe.pattern() instanceof SparsityPattern.NofM(int _, int m)) {
            for (Linear linear : chosen) {
                if (linear.inputs() % m != 0) {
                    throw new InvalidInputException(
                            "%s has %d inputs, which %d does not divide; choose another --pattern, or leave it dense with --skip"
                                    .formatted(linear.name(), linear.inputs(), m));
                }
            }
        }
    }

    private PruneReport report(Path output, Outcome outcome) {
        List<LinearReport> all =
                outcome.blocks().stream().flatMap(block -> block.linears().stream()).toList();
        return new PruneReport(
                source.directory().toString(),
                output.toString(),
                method.name(),
                recipe.pattern() instanceof SparsityPattern.NofM pattern
                        ? pattern.toString()
                        : "unstructured",
                recipe.pattern().sparsity(),
                PruneReport.sparsityOf(all),
                PruneReport.parametersOf(all),
                outcome.blocks(),
                phases.elapsed(),
                phases.seconds(),
                outcome.tokens(),
                PeakMemory.bytes(),
                outcome.activations(),
                outcome.engine(),
                Kernels.best().description(),
                Stream.concat(source.remarks().stream(), outcome.notes().stream()).toList());
    }
}
