package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.AtomicFile;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.ModelName;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.cli.Cells.Variant;
import org.wanda4j.cli.Cells.Wanted;
import org.wanda4j.compare.Cell;
import org.wanda4j.compare.Comparison;
import org.wanda4j.compare.Frontier;
import org.wanda4j.compare.FrontierPicture;
import org.wanda4j.method.Methods;
import org.wanda4j.prune.Preset;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.HtmlReport;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.text.Corpus;
import org.wanda4j.tune.Tuning;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda compare`
@Command(
        name = "compare",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Prunes a model by several methods at several sparsities, packs each in several types, measures all of them,"
                        + " and says which nothing beats.",
        footer = {
            "",
            "A comparison that was stopped goes on where it was: each cell is kept in OUT/cells,",
            "and of the one that it was at, the blocks that were done.",
            "",
            "Examples:",
            "  wanda compare SmolLM2 -o grid --methods magnitude,wanda,sparsegpt --sparsities 0.3,0.5,2:4",
            "  wanda compare SmolLM2 -o grid --methods admm,admm+tune --sparsities 0.6 --report grid.html",
            "  wanda compare SmolLM2 -o grid --methods wanda --sparsities 0.5 --task hellaswag:items.jsonl",
            "  wanda compare SmolLM2 -o grid --methods balanced,best --sparsities 0.3,0.5,2:4 \\",
            "      --values bf16,int8,int4 --bench --report grid.html --svg grid.svg",
            "  wanda compare SmolLM2 -o grid --methods wanda,admm --sparsities 0.5,0.6 --spark spark://head:7077"
        })
final class CompareCommand implements Runnable {

    private static final String TUNED = "+tune";
    private static final String SPECULATION = "spark.speculation";

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description = "Hugging Face directory, or a model of the hub: org/name[@revision]")
    private Path model;

    @Option(
            names = {"-o", "--output"},
            required = true,
            paramLabel = "OUT",
            description = "directory for the cells and comparison.json")
    private Path output;

    @Option(
            names = "--methods",
            split = ",",
            paramLabel = "NAME",
            required = true,
            description =
                    "as 'wanda methods' lists them, NAME+tune to train what survives, or a preset: fast, balanced, best")
    private List<String> methods;

    @Option(
            names = "--sparsities",
            split = ",",
            paramLabel = "S",
            required = true,
            description = "fractions to remove, or N:M patterns")
    private List<String> sparsities;

    @Option(
            names = "--values",
            split = ",",
            paramLabel = "TYPE",
            description =
                    "pack each cell in these types, bf16, int8 or int4, and measure it packed; the dense model too")
    private List<ValueType> values = List.of();

    @Option(
            names = "--bench",
            description =
                    "measure prefill and decode of each cell, as 'wanda bench' does; half a minute each")
    private boolean bench;

    @Mixin private final CalibrationOptions calibration = new CalibrationOptions();

    @Mixin private final EvaluationOptions evaluationOptions = new EvaluationOptions();

    @Mixin private final TaskOptions tasks = new TaskOptions();

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Mixin private final SparkOption spark = new SparkOption();

    @Option(names = "--keep", description = "keep the pruned checkpoints, in OUT/models")
    private boolean keep;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "write the report, an HTML file with plots")
    private Path report;

    @Option(
            names = "--svg",
            paramLabel = "FILE",
            description =
                    "draw perplexity against size (with --values) and against decode speed (with --bench), as an SVG picture")
    private Path svg;

    @Mixin private final ResultOptions result = new ResultOptions();

    /// A recipe and how it is called.
    private record Row(Variant variant, Recipe recipe) {}

    @Override
    public void run() {
        try (var _ = StopNotice.ofRepeatable()) {
            compare();
        }
    }

    private void compare() {
        if (svg != null && values.isEmpty() && !bench) {
            throw new InvalidInputException(
                    "--svg draws size and decode speed: give --values bf16,int8,int4, --bench, or both");
        }
        if (bench && spark.given()) {
            throw new InvalidInputException(
                    "--bench measures this machine, and with --spark others make the cells; leave one of them out");
        }
        if (Boolean.getBoolean(SPECULATION) && spark.given()) {
            throw new InvalidInputException(
                    "%s has Spark start slow tasks a second time, and two of one cell would write the same files; leave it out"
                            .formatted(SPECULATION));
        }
        if (report != null) {
            HtmlReport.check(report, output);
        }
        if (svg != null) {
            FrontierPicture.check(svg, output);
        }
        List<Row> rows = rows();
        Evaluation evaluation =
                evaluationOptions.of(model, calibration.reading(), tasks, compute.type());
        Corpus text = calibration.corpus(model, compute);
        evaluation.check(List.of(model), Optional.empty());
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            rows.forEach(row -> Pruner.check(checkpoint, row.recipe(), text));
            if (!values.isEmpty() && checkpoint.packedAs().isPresent()) {
                throw new InvalidInputException(
                        model + " is packed; give the checkpoint that it was packed from");
            }
        }
        compute.printBanner();
        var plan =
                new Variants.Plan(
                        model,
                        output,
                        text,
                        calibration.sampling(Recipe.DEFAULT.sampling()),
                        evaluation,
                        new Cells.Keeping(bench, keep));
        RunSettings settings = compute.settings(Progress.NONE);
        try (WindowRunner runner = spark.runner(settings);
                var grid = new Cells(plan, settings)) {
            runner.workers().ifPresent(workers -> grid.measureBy(workers, wanted(rows)));
            compare(grid, rows);
        }
    }

    /// All cells.
    private List<Wanted> wanted(List<Row> rows) {
        List<Wanted> wanted = new ArrayList<>();
        wanted.add(new Wanted(Variant.dense(Optional.empty()), Optional.empty()));
        values.forEach(
                type -> wanted.add(new Wanted(Variant.dense(Optional.of(type)), Optional.empty())));
        for (Row row : rows) {
            variants(row.variant())
                    .forEach(variant -> wanted.add(new Wanted(variant, Optional.of(row.recipe()))));
        }
        return wanted;
    }

    private void compare(Cells grid, List<Row> rows) {
        Cell dense = grid.dense(Optional.empty());
        List<Cell> cells = new ArrayList<>();
        List<InvalidInputException> failures = new ArrayList<>();
        try {
            for (ValueType type : values) {
                Variant variant = Variant.dense(Optional.of(type));
                add(variant, () -> grid.dense(variant.values()), cells, failures);
            }
            for (Row row : rows) {
                for (Variant variant : variants(row.variant())) {
                    add(variant, () -> grid.pruned(variant, row.recipe()), cells, failures);
                }
                grid.forget(row.variant());
            }
        } finally {
            publish(Comparison.of(model.toString(), dense, cells));
        }
        if (!failures.isEmpty()) {
            throw new InvalidInputException(
                    "%d of %d cells failed, the first by: %s"
                            .formatted(
                                    failures.size(),
                                    failures.size() + cells.size(),
                                    failures.getFirst().getMessage()),
                    failures.getFirst());
        }
    }

    private List<Variant> variants(Variant variant) {
        return values.isEmpty() ? List.of(variant) : values.stream().map(variant::packed).toList();
    }

    /// A cell that fails keeps no other from being computed.
    private static void add(
            Variant variant,
            Supplier<Cell> work,
            List<Cell> cells,
            List<InvalidInputException> failures) {
        try {
            cells.add(work.get());
        } catch (InvalidInputException e) {
            Console.note("%s failed: %s".formatted(variant.file(), e.getMessage()));
            failures.add(e);
        }
    }

    private void publish(Comparison comparison) {
        result.print(comparison, () -> text(comparison));
        AtomicFile.write(output.resolve("comparison.json"), Json.write(comparison));
        if (report != null) {
            HtmlReport.write(report, "Pruning " + ModelName.of(model), comparison);
        }
        if (svg != null) {
            AtomicFile.write(
                    svg, FrontierPicture.of("Variants of " + ModelName.of(model), comparison));
        }
    }

    private List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        for (String method : methods) {
            Recipe start = start(method);
            for (String sparsity : sparsities) {
                SparsityPattern pattern = pattern(sparsity);
                Recipe recipe =
                        start.withPattern(pattern)
                                .withSampling(calibration.sampling(start.sampling()));
                rows.add(
                        new Row(
                                new Variant(method, label(pattern), Optional.empty()),
                                compute.typeOfWork().map(recipe::withType).orElse(recipe)));
            }
        }
        return rows;
    }

    /// The recipe of a preset, or of a method.
    private static Recipe start(String method) {
        Optional<Preset> preset =
                Arrays.stream(Preset.values())
                        .filter(each -> each.name().equalsIgnoreCase(method))
                        .findFirst();
        if (preset.isPresent()) {
            return preset.get().recipe();
        }
        boolean tuned = method.endsWith(TUNED);
        String plain = tuned ? method.substring(0, method.length() - TUNED.length()) : method;
        Methods.named(plain);
        return Recipe.DEFAULT
                .withMethod(plain)
                .withTuning(tuned ? Optional.of(Tuning.DEFAULT) : Optional.empty());
    }

    private static SparsityPattern pattern(String text) {
        if (text.contains(":")) {
            return SparsityPattern.parseNofM(text);
        }
        try {
            return new Unstructured(Double.parseDouble(text));
        } catch (NumberFormatException e) {
            throw new InvalidInputException(
                    "--sparsities takes fractions and N:M patterns, as in 0.5,2:4; got '"
                            + text
                            + "'",
                    e);
        }
    }

    private static String label(SparsityPattern pattern) {
        return pattern instanceof NofM runs ? runs.toString() : "" + pattern.sparsity();
    }

    private static String text(Comparison comparison) {
        List<String> lines = new ArrayList<>();
        lines.add(CellTable.of(comparison));
        if (!comparison.frontiers().isEmpty()) {
            lines.add("");
            comparison.frontiers().stream().map(Frontier::sentence).forEach(lines::add);
        }
        return String.join("\n", lines);
    }
}
