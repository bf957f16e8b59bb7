package org.wanda4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;
import org.wanda4j.evaluate.Perplexity;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.PruneReport;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `wanda demo`
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description = "Prunes a bundled tiny Llama in four ways and shows what each cost.",
        footer = {"", "Examples:", "  wanda demo", "  wanda demo -o somewhere/else"})
final class DemoCommand implements Runnable {

    private static final String MODEL = "demo-llama";
    private static final List<String> FILES =
            List.of(
                    "config.json",
                    "generation_config.json",
                    "model.safetensors",
                    "tokenizer.json",
                    "tokenizer_config.json");
    private static final int EVALUATION_WINDOW = 256;
    private static final int EVALUATION_WINDOWS = 40;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "DIR",
            defaultValue = "demo-output",
            description =
                    "directory for the model and its pruned copies (default: ${DEFAULT-VALUE})")
    private Path output;

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    private record Row(
            String name, double sparsity, double perplexity, double seconds, OptionalLong peak) {}

    @Override
    public void run() {
        compute.printBanner();
        Path model = unpack();
        Corpus text = Corpus.bundledCalibration();
        Recipe recipe = Recipe.DEFAULT;
        List<Row> rows = new ArrayList<>();
        rows.add(dense(model));
        rows.add(
                pruned(
                        "magnitude 50 %",
                        model, recipe.withMethod("magnitude"), text, "magnitude-50"));
        rows.add(pruned("wanda 50 %", model, recipe, text, "wanda-50"));
        rows.add(
                pruned(
                        "sparsegpt 50 %",
                        model, recipe.withMethod("sparsegpt"), text, "sparsegpt-50"));
        rows.add(
                pruned(
                        "wanda 2:4",
                        model,
                        recipe.withPattern(new SparsityPattern.NofM(2, 4)),
                        text,
                        "wanda-2of4"));
        Console.print(
                "\nA Llama of 2.8 M parameters, calibrated on C4; perplexity on WikiText-2 (lower is better).\n");
        Console.print(table(rows));
        Console.print(
                "\nThe pruned checkpoints are in "
                        + output.toAbsolutePath()
                        + ": any tool that reads "
                        + MODEL
                        + " reads them.");
    }

    private Row dense(Path model) {
        PeakMemory.reset();
        Perplexity perplexity = evaluate(model);
        return new Row("dense", 0, perplexity.perplexity(), 0, PeakMemory.bytes());
    }

    private Row pruned(String name, Path model, Recipe recipe, Corpus text, String directory) {
        PeakMemory.reset();
        Path target = output.resolve(directory);
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var progress = new ProgressDisplay()) {
            PruneReport report =
                    Pruner.prune(
                            checkpoint, recipe, text, target, true, compute.settings(progress));
            return new Row(
                    name,
                    report.sparsity(),
                    evaluate(target).perplexity(),
                    report.seconds(),
                    report.peakResidentBytes());
        }
    }

    private Perplexity evaluate(Path model) {
        var protocol =
                new Perplexity.Protocol(
                        OptionalInt.of(EVALUATION_WINDOW),
                        OptionalInt.of(EVALUATION_WINDOWS),
                        Optional.empty());
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var progress = new ProgressDisplay()) {
            return Perplexity.measure(
                    checkpoint, Corpus.bundledEvaluation(), protocol, compute.settings(progress));
        }
    }

    /// Puts the bundled model where the user can look at it.
    private Path unpack() {
        Path directory = output.resolve(MODEL);
        try {
            Files.createDirectories(directory);
            for (String file : FILES) {
                try (InputStream in = DemoCommand.class.getResourceAsStream(MODEL + "/" + file)) {
                    if (in == null) {
                        throw new IllegalStateException("the bundled model lacks " + file);
                    }
                    Files.write(directory.resolve(file), in.readAllBytes());
                }
            }
        } catch (IOException e) {
            throw new InvalidInputException("cannot write " + directory + ": " + Reason.of(e), e);
        }
        return directory;
    }

    private static String table(List<Row> rows) {
        List<List<String>> cells =
                new ArrayList<>(
                        List.of(List.of("", "sparsity", "perplexity", "seconds", "peak memory")));
        for (Row row : rows) {
            cells.add(
                    List.of(
                            row.name(),
                            Format.percent(row.sparsity()),
                            "%.2f".formatted(row.perplexity()),
                            row.seconds() == 0 ? "" : "%.1f".formatted(row.seconds()),
                            Format.megabytes(row.peak())));
        }
        return Format.table(cells);
    }
}
