package org.wanda4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.AtomicFile;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.ModelName;
import org.wanda4j.checkpoint.Reason;
import org.wanda4j.evaluate.ZeroShot;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.HtmlReport;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.PruneReport;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.text.Corpus;
import org.wanda4j.tune.Tuning;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

/// `wanda compare`
@Command(
        name = "compare",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Prunes a model by several methods at several sparsities, and evaluates each.",
        footer = {
            "",
            "A comparison that was stopped goes on where it was: each cell is kept in OUT/cells,",
            "and of the one that it was at, the blocks that were done.",
            "",
            "Examples:",
            "  wanda compare SmolLM2 -o grid --methods magnitude,wanda,sparsegpt --sparsities 0.3,0.5,2:4",
            "  wanda compare SmolLM2 -o grid --methods admm,admm+tune --sparsities 0.6 --report grid.html",
            "  wanda compare SmolLM2 -o grid --methods wanda --sparsities 0.5 --task hellaswag:items.jsonl"
        })
final class CompareCommand implements Runnable {

    private static final String TUNED = "+tune";

    @Parameters(paramLabel = "MODEL", description = "Hugging Face directory")
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
            description = "as 'wanda methods' lists them; NAME+tune trains what survives")
    private List<String> methods;

    @Option(
            names = "--sparsities",
            split = ",",
            paramLabel = "S",
            required = true,
            description = "fractions to remove, or N:M patterns")
    private List<String> sparsities;

    @Mixin private final CalibrationOptions calibration = new CalibrationOptions();

    @Option(
            names = "--eval-text",
            paramLabel = "FILE",
            description = "text to predict (default: the bundled WikiText-2 test set)")
    private Path evalText;

    @Option(
            names = "--eval-seqlen",
            paramLabel = "N",
            description =
                    "tokens of an evaluation window (default: 2048, or what the model can take)")
    private Integer evalSeqlen;

    @Option(
            names = "--eval-windows",
            paramLabel = "N",
            description = "how many of them from the front of the text (default: all)")
    private Integer evalWindows;

    @Mixin private final TaskOptions tasks = new TaskOptions();

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Option(names = "--keep", description = "keep the pruned checkpoints, in OUT/models")
    private boolean keep;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "write the report, an HTML file with plots")
    private Path report;

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints and `comparison.json` holds.
    private record Comparison(String model, JsonNode dense, List<JsonNode> cells) {}

    /// The model as it was given.
    record Dense(double perplexity, Map<String, ZeroShot> tasks) {}

    /// One method at one sparsity.
    record Cell(
            String method,
            String pattern,
            double sparsity,
            double perplexity,
            Map<String, ZeroShot> tasks,
            double seconds,
            OptionalLong peakResidentBytes) {}

    /// A cell on disk.
    ///
    /// @param key everything that decides it
    private record Kept(String key, Object result) {}

    /// A cell on disk that is being computed.
    private record Begun(String key) {}

    /// What computes a cell.
    private interface Work {

        /// @param begun whether an earlier run had begun with it
        Object compute(boolean begun);
    }

    @Override
    public void run() {
        try (var _ = StopNotice.ofCells()) {
            compare();
        }
    }

    private void compare() {
        List<Recipe> recipes = recipes();
        Evaluation evaluation =
                Evaluation.of(
                        Optional.of(Evaluation.text(evalText)),
                        evalSeqlen,
                        evalWindows,
                        tasks.tasks(),
                        tasks.items(),
                        compute.type());
        Corpus text = calibration.corpus();
        evaluation.check(List.of(model), Optional.empty());
        String sha256;
        Architecture architecture;
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            recipes.forEach(recipe -> Pruner.check(checkpoint, recipe, text));
            compute.printBanner();
            sha256 = checkpoint.sha256();
            architecture = Families.describe(checkpoint);
        }
        String common =
                "%s, %s, wanda4j %s".formatted(sha256, evaluation.key(), Main.Version.text());
        JsonNode dense = cell("dense", common, _ -> dense(evaluation));
        List<JsonNode> cells = new ArrayList<>();
        List<InvalidInputException> failures = new ArrayList<>();
        try {
            for (Recipe recipe : recipes) {
                String key =
                        "%s, %s, %s"
                                .formatted(
                                        common,
                                        text.sha256(),
                                        Json.writeLine(recipe.resolve(architecture)));
                try {
                    cells.add(
                            cell(
                                    name(recipe),
                                    key,
                                    begun -> pruned(recipe, text, evaluation, begun)));
                } catch (InvalidInputException e) {
                    Console.note("%s failed: %s".formatted(name(recipe), e.getMessage()));
                    failures.add(e);
                }
            }
        } finally {
            publish(new Comparison(model.toString(), dense, cells));
        }
        if (!failures.isEmpty()) {
            throw new InvalidInputException(
                    "%d of %d cells failed, the first by: %s"
                            .formatted(
                                    failures.size(),
                                    recipes.size(),
                                    failures.getFirst().getMessage()),
                    failures.getFirst());
        }
    }

    private void publish(Comparison comparison) {
        result.print(comparison, () -> table(comparison.dense(), comparison.cells()));
        write(output.resolve("comparison.json"), Json.write(comparison));
        if (report != null) {
            HtmlReport.write(report, "Pruning " + ModelName.of(model), comparison);
        }
    }

    private List<Recipe> recipes() {
        List<Recipe> recipes = new ArrayList<>();
        for (String method : methods) {
            boolean tuned = method.endsWith(TUNED);
            String plain = tuned ? method.substring(0, method.length() - TUNED.length()) : method;
            Methods.named(plain);
            for (String sparsity : sparsities) {
                Recipe recipe =
                        Recipe.DEFAULT
                                .withMethod(plain)
                                .withPattern(pattern(sparsity))
                                .withTuning(tuned ? Optional.of(Tuning.DEFAULT) : Optional.empty())
                                .withSampling(calibration.sampling(Recipe.DEFAULT.sampling()));
                recipes.add(compute.type().map(recipe::withType).orElse(recipe));
            }
        }
        return recipes;
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

    private static String method(Recipe recipe) {
        return recipe.method() + (recipe.tuning().isPresent() ? TUNED : "");
    }

    private static String name(Recipe recipe) {
        return method(recipe) + "-" + label(recipe.pattern()).replace(":", "of");
    }

    /// The cell as it was kept, or computed anew.
    private JsonNode cell(String name, String key, Work work) {
        Path file = output.resolve("cells").resolve(name + ".json");
        Optional<JsonNode> kept =
                Optional.of(file)
                        .filter(Files::exists)
                        .map(Json::read)
                        .filter(cell -> cell.path("key").asString("").equals(key));
        Optional<JsonNode> result = kept.map(cell -> cell.get("result"));
        if (result.isPresent()) {
            Console.note(name + ": kept from before");
            return result.orElseThrow();
        }
        Console.note(name);
        write(file, Json.write(new Begun(key)));
        write(file, Json.write(new Kept(key, work.compute(kept.isPresent()))));
        return Json.read(file).path("result");
    }

    private Dense dense(Evaluation evaluation) {
        try (var progress = new ProgressDisplay()) {
            var result =
                    evaluation.measure(
                            model, Optional.empty(), compute.settings(progress), _ -> {});
            return new Dense(result.perplexity().orElseThrow(), result.tasks());
        }
    }

    private Cell pruned(Recipe recipe, Corpus text, Evaluation evaluation, boolean begun) {
        PeakMemory.reset();
        Path target = output.resolve("models").resolve(name(recipe));
        makeDirectory(target.getParent());
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var progress = new ProgressDisplay()) {
            RunSettings settings = compute.settings(progress);
            PruneReport pruned =
                    begun
                            ? Pruner.resume(checkpoint, recipe, text, target, true, settings)
                            : Pruner.prune(checkpoint, recipe, text, target, true, settings);
            var result = evaluation.measure(target, Optional.empty(), settings, _ -> {});
            if (!keep) {
                delete(target);
            }
            return new Cell(
                    method(recipe),
                    label(recipe.pattern()),
                    pruned.sparsity(),
                    result.perplexity().orElseThrow(),
                    result.tasks(),
                    pruned.seconds(),
                    pruned.peakResidentBytes());
        }
    }

    private static String table(JsonNode dense, List<JsonNode> cells) {
        List<String> tasks = new ArrayList<>(dense.path("tasks").propertyNames());
        List<String> header = new ArrayList<>(List.of("", "sparsity", "perplexity"));
        header.addAll(tasks);
        header.addAll(List.of("time", "peak memory"));
        List<List<String>> rows = new ArrayList<>(List.of(header));
        rows.add(row("dense", 0, dense, tasks, "", ""));
        for (JsonNode cell : cells) {
            rows.add(
                    row(
                            cell.get("method").asString() + " " + cell.get("pattern").asString(),
                            cell.get("sparsity").asDouble(),
                            cell,
                            tasks,
                            Format.duration(cell.get("seconds").asDouble()),
                            Format.megabytes(cell.get("peakResidentBytes").asLong())));
        }
        return Format.table(rows);
    }

    private static List<String> row(
            String name,
            double sparsity,
            JsonNode cell,
            List<String> tasks,
            String time,
            String memory) {
        List<String> row =
                new ArrayList<>(
                        List.of(
                                name,
                                Format.percent(sparsity),
                                "%.3f".formatted(cell.get("perplexity").asDouble())));
        tasks.forEach(task ->
                row.add(
                        Format.percent(
                                cell.get("tasks").get(task).get("accuracyNorm").asDouble())));
        row.addAll(List.of(time, memory));
        return row;
    }

    private static void write(Path file, String text) {
        makeDirectory(file.toAbsolutePath().getParent());
        AtomicFile.write(file, text);
    }

    private static void makeDirectory(Path directory) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot make the directory " + directory + ": " + Reason.of(e), e);
        }
    }

    private static void delete(Path directory) {
        try (Stream<Path> files =
                Files.exists(directory) ? Files.walk(directory) : Stream.empty()) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new InvalidInputException("cannot remove " + directory + ": " + Reason.of(e), e);
        }
    }
}
