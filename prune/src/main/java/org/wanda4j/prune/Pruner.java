package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.Decoding;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.Phases;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.BlockReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.TorchBlock;

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
    private final List<BlockReport> blocks = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    private Pruner(Checkpoint source, Recipe recipe, Corpus text, RunSettings settings) {
        this.source = source;
        this.text = text;
        this.settings = settings;
        this.architecture = Architecture.of(source);
        this.recipe = recipe.resolve(architecture);
        this.method = Methods.named(recipe.method());
        this.chosen = LinearFilter.choose(architecture, recipe);
        checkPattern();
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
            Calibration calibration =
                    needsCalibration() ? pruneAlongWindows(writer) : pruneByWeightsAlone(writer);
            phases.time("write", writer::complete);
            String sha256 = phases.time("hash", hash::join);
            PruneReport report = report(directory.target(), calibration);
            writer.publish(
                    Map.of(
                            "wanda-recipe.json",
                                    Json.write(
                                            RecipeDocument.of(
                                                    recipe, text, sha256, needsCalibration())),
                            "wanda-report.json", Json.write(report)));
            return report;
        }
    }

    /// What the report says of the calibration.
    private record Calibration(long tokens, String activations, String engine) {}

    private boolean needsCalibration() {
        return method.needs() != Statistic.NONE;
    }

    private Calibration pruneAlongWindows(CheckpointWriter writer) {
        Windows windows = phases.time("tokenize", this::sample);
        try (Engine engine = new Engine(recipe.type().orElseThrow(), settings.threads());
                Decoding decoding =
                        phases.time("embed", () -> embed(engine, windows, writer.scratch()))) {
            int passes =
                    recipe.order().passes() * architecture.blocks().size()
                            - (recipe.order().passes() - 1);
            settings.progress().start("pruning", windows.tokens() * passes);
            phases.time(
                    "load",
                    () ->
                            decoding.forEachBlock((index, block, memory) ->
                                    pruneBlock(index, block, memory, decoding, engine, writer)));
            return new Calibration(
                    windows.tokens(),
                    decoding.store().mapped() ? "file" : "memory",
                    engine.describe());
        }
    }

    private void pruneBlock(
            int index,
            TorchBlock block,
            Arena memory,
            Decoding decoding,
            Engine engine,
            CheckpointWriter writer) {
        Architecture.Block description = architecture.blocks().get(index);
        boolean last = index == architecture.blocks().size() - 1;
        List<LinearReport> linears = new ArrayList<>();
        var pass = new BlockPass(engine, block, decoding.store(), method.needs(), progress(index));
        phases.time(
                "forward",
                () ->
                        recipe.order()
                                .run(
                                        pass,
                                        last,
                                        (stage, statistics) -> {
                                            for (Linear linear : description.linears(stage)) {
                                                if (chosen.contains(linear)) {
                                                    block.replace(
                                                            linear,
                                                            prune(
                                                                    linear,
                                                                    statistics,
                                                                    memory,
                                                                    writer,
                                                                    linears));
                                                }
                                            }
                                            noteDamping(index, stage, statistics);
                                        }));
        blocks.add(BlockReport.of(index, linears));
    }

    private void noteDamping(int block, Stage stage, InputStatistics statistics) {
        statistics
                .gramMatrix()
                .flatMap(Gram::hardened)
                .ifPresent(damping ->
                        notes.add(
                                "block %d %s: the inputs' Gram matrix was damped by %s of its mean diagonal to be inverted"
                                        .formatted(block, stage.label(), damping)));
    }

    private Calibration pruneByWeightsAlone(CheckpointWriter writer) {
        long weights =
                chosen.stream()
                        .mapToLong(linear -> (long) linear.inputs() * linear.outputs())
                        .sum();
        settings.progress().start("pruning", weights);
        for (int index = 0; index < architecture.blocks().size(); index++) {
            List<LinearReport> linears = new ArrayList<>();
            for (Linear linear : architecture.blocks().get(index).linears()) {
                if (chosen.contains(linear)) {
                    try (Arena memory = Arena.ofShared()) {
                        prune(linear, InputStatistics.none(), memory, writer, linears);
                    }
                    progress(index)
                            .advance((long) linear.inputs() * linear.outputs(), linear.name());
                }
            }
            blocks.add(BlockReport.of(index, linears));
        }
        return new Calibration(0, "none", "none");
    }

    /// Scores, selects, removes and writes; the pruned matrix lives as long as `memory`.
    private TensorView prune(
            Linear linear,
            InputStatistics statistics,
            Arena memory,
            CheckpointWriter writer,
            List<LinearReport> done) {
        checkFinite(linear, statistics);
        var task =
                new WeightUpdate.Task(
                        source.map(linear.weight(), memory),
                        statistics,
                        method.importance(),
                        method.selection(),
                        recipe.pattern(),
                        settings.threads(),
                        memory);
        TensorView pruned = phases.time("select", () -> update(task));
        phases.time("write", () -> writer.write(linear.weight(), pruned.data()));
        done.add(
                LinearReport.of(
                        linear.name(),
                        linear.outputs(),
                        linear.inputs(),
                        SparsityProfile.zeros(pruned).count()));
        return pruned;
    }

    private TensorView update(WeightUpdate.Task task) {
        try {
            return method.update().apply(task);
        } catch (ArithmeticException e) {
            throw new InvalidInputException(
                    "%s: %s; use --method wanda, which inverts nothing, or more calibration text"
                            .formatted(task.weight().name(), e.getMessage()),
                    e);
        }
    }

    private Windows sample() {
        try (Tokenizer tokenizer = Tokenizer.open(source.directory())) {
            int seqlen = recipe.seqlen().orElseThrow();
            return recipe.sampler()
                    .sample(text, tokenizer, recipe.windows(), seqlen, recipe.seed());
        }
    }

    private Decoding embed(Engine engine, Windows windows, Path scratch) {
        boolean keepsStages = recipe.order().keepsStages();
        return new Decoding(
                source,
                architecture,
                engine,
                windows,
                keepsStages,
                settings.activationMemory(),
                scratch);
    }

    private Progress progress(int block) {
        return settings.progress()
                .within("block " + (block + 1) + "/" + architecture.blocks().size());
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

    private void checkFinite(Linear linear, InputStatistics statistics) {
        for (float norm : statistics.norms()) {
            if (!Float.isFinite(norm)) {
                throw new InvalidInputException(
                        "%s: the inputs of %s are not finite in %s; some weight before it is broken or too large"
                                .formatted(
                                        source.directory(),
                                        linear.name(),
                                        recipe.type().orElseThrow()));
            }
        }
    }

    private PruneReport report(Path output, Calibration calibration) {
        List<LinearReport> all =
                blocks.stream().flatMap(block -> block.linears().stream()).toList();
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
                blocks,
                phases.elapsed(),
                phases.seconds(),
                calibration.tokens(),
                PeakMemory.bytes(),
                calibration.activations(),
                calibration.engine(),
                Kernels.best().description(),
                List.copyOf(notes));
    }
}
