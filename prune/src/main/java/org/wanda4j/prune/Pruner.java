package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.wanda4j.calibrate.Decoding;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.prune.Allocation.BlockScores;
import org.wanda4j.report.ModelCard;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.Phases;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.BlockReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;

/// The main loop: windows flow through the blocks, and each block is pruned before the next one is looked at.
///
/// ```
/// for each block, for each stage: statistics of its input -> scores -> mask -> W' -> output shard
/// ```
public final class Pruner {

    private final Checkpoint source;
    private final Recipe recipe;
    private final Corpus text;
    private final RunSettings settings;
    private final Architecture architecture;
    private final Method method;
    private final Set<Linear> chosen;
    private final Phases phases = new Phases();

    private Pruner(Checkpoint source, Recipe recipe, Corpus text, RunSettings settings) {
        this.source = source;
        this.text = text;
        this.settings = settings;
        this.architecture = Architecture.of(source);
        this.recipe = recipe.resolve(architecture);
        this.method = Methods.named(recipe.method());
        this.chosen = recipe.linears(architecture);
        checkPattern();
        SparsityPlan.check(recipe);
    }

    /// Writes a pruned copy of `source` to `output`, which appears there whole or not at all.
    ///
    /// @param text calibration text; not read by methods that need no statistics
    /// @param replace whether a checkpoint that is already at `output` may be replaced
    /// @throws InvalidInputException when something that was given cannot be used; nothing is left behind
    public static PruneReport prune(
            Checkpoint source,
            Recipe recipe,
            Corpus text,
            Path output,
            boolean replace,
            RunSettings settings) {
        return new Pruner(source, recipe, text, settings).run(output, replace);
    }

    private PruneReport run(Path output, boolean replace) {
        CompletableFuture<String> hash = CompletableFuture.supplyAsync(source::sha256);
        OutputDirectory directory = OutputDirectory.claim(output, source.directory(), replace);
        try (CheckpointWriter writer = CheckpointWriter.create(source, directory)) {
            Outcome outcome =
                    needsCalibration() ? pruneAlongWindows(writer) : pruneByWeightsAlone(writer);
            phases.time("write", writer::complete);
            String sha256 = phases.time("hash", hash::join);
            PruneReport report = report(directory.target(), outcome);
            writer.publish(
                    Map.of(
                            "wanda-recipe.json",
                                    Json.write(
                                            RecipeDocument.of(
                                                    recipe, text, sha256, needsCalibration())),
                            "wanda-report.json", Json.write(report),
                            "README.md", ModelCard.of(report, source.directory())));
            return report;
        }
    }

    /// What the report says of the run.
    private record Outcome(
            List<BlockReport> blocks,
            List<String> notes,
            long tokens,
            String activations,
            String engine) {}

    private boolean needsCalibration() {
        return recipe.needsCalibration();
    }

    private Outcome pruneAlongWindows(CheckpointWriter writer) {
        Windows windows =
                phases.time("tokenize", () -> recipe.sampling().take(text, source.directory()));
        try (Engine engine = new Engine(recipe.type().orElseThrow(), settings.threads())) {
            LinearPruner linears = linears(writer, survey(engine, windows, writer));
            try (Decoding decoding = embed(engine, windows, writer, recipe.order().keepsStages());
                    BlockPruner blocks =
                            new BlockPruner(
                                    architecture,
                                    recipe,
                                    linears,
                                    engine,
                                    decoding,
                                    settings.progress())) {
                settings.progress().start("pruning", windows.tokens() * blocks.passes());
                phases.time("load", () -> decoding.forEachBlock(blocks::prune));
                return new Outcome(
                        blocks.blocks(),
                        blocks.notes(),
                        windows.tokens(),
                        decoding.store().mapped() ? "file" : "memory",
                        engine.describe());
            }
        }
    }

    private Outcome pruneByWeightsAlone(CheckpointWriter writer) {
        LinearPruner linears = linears(writer, List.of());
        long weights =
                chosen.stream()
                        .mapToLong(linear -> (long) linear.inputs() * linear.outputs())
                        .sum();
        settings.progress().start("pruning", weights);
        List<BlockReport> blocks = new ArrayList<>();
        int count = architecture.blocks().size();
        for (int index = 0; index < count; index++) {
            Progress progress = settings.progress().within("block " + (index + 1) + "/" + count);
            List<LinearReport> reports = new ArrayList<>();
            for (Linear linear : architecture.blocks().get(index).linears()) {
                if (linears.prunes(linear)) {
                    try (Arena memory = Arena.ofShared()) {
                        reports.add(linears.prune(linear, InputStatistics.none(), memory).report());
                    }
                    progress.advance((long) linear.inputs() * linear.outputs(), linear.name());
                }
            }
            blocks.add(BlockReport.of(index, reports, List.of(), Optional.empty()));
        }
        return new Outcome(blocks, List.of(), 0, "none", "none");
    }

    private LinearPruner linears(CheckpointWriter writer, List<BlockScores> scores) {
        Map<Linear, SparsityPattern> patterns =
                SparsityPlan.of(architecture, recipe, chosen, scores);
        return new LinearPruner(source, writer, method, patterns, settings.threads(), phases);
    }

    /// Scores of the dense model, where the allocation goes by them.
    private List<BlockScores> survey(Engine engine, Windows windows, CheckpointWriter writer) {
        if (recipe.allocation() == Allocation.UNIFORM) {
            return List.of();
        }
        try (Decoding decoding = embed(engine, windows, writer, true)) {
            Progress progress = settings.progress();
            progress.start("surveying", windows.tokens() * architecture.blocks().size());
            return phases.time(
                    "survey",
                    () -> ScoreSurvey.of(architecture, chosen, engine, decoding, progress));
        }
    }

    private Decoding embed(
            Engine engine, Windows windows, CheckpointWriter writer, boolean keepsStages) {
        return phases.time(
                "embed",
                () ->
                        new Decoding(
                                source,
                                architecture,
                                engine,
                                windows,
                                keepsStages,
                                settings.activationMemory(),
                                writer.scratch()));
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
                outcome.notes());
    }
}
