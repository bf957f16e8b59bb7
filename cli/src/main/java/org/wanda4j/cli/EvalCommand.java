package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.cli.Evaluation.Reference;
import org.wanda4j.cli.Evaluation.Result;
import org.wanda4j.evaluate.Exam;
import org.wanda4j.evaluate.ZeroShot;
import org.wanda4j.report.ModelCard;
import org.wanda4j.text.Corpus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda eval`
@Command(
        name = "eval",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Measures the perplexity of one or more checkpoints on a text, how far they are from another one, or their answers"
                        + " to multiple choice.",
        footer = {
            "",
            "Examples:",
            "  wanda eval SmolLM2 SmolLM2-half",
            "  wanda eval SmolLM2-half SmolLM2-int4 --reference SmolLM2",
            "  wanda eval SmolLM2-half --reference SmolLM2 --card",
            "  wanda eval SmolLM2 --seqlen 512 --windows 20",
            "  wanda eval SmolLM2 --text my-text.txt --json",
            "  wanda eval SmolLM2 --text test.parquet --text-field content",
            "  zcat my-text.txt.gz | wanda eval SmolLM2 --text -",
            "  wanda eval SmolLM2 SmolLM2-half --task hellaswag:hellaswag.jsonl --task boolq:validation.parquet",
            "  wanda eval SmolLM2 --task hellaswag:hellaswag.jsonl --perplexity",
            "  wanda eval SmolLM2 --spark spark://head:7077"
        })
final class EvalCommand implements Runnable {

    @Parameters(
            arity = "1..*",
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description = "Hugging Face directories, or models of the hub: org/name[@revision]")
    private List<Path> models;

    @Option(
            names = "--text",
            paramLabel = "TEXT",
            description =
                    "text to predict: "
                            + TextReading.SOURCES
                            + " (default: the bundled WikiText-2 test set)")
    private String text;

    @Mixin private final TextReading reading = new TextReading();

    @Option(
            names = "--seqlen",
            paramLabel = "N",
            description = "tokens of a window (default: 2048, or what the model can take)")
    private Integer seqlen;

    @Option(
            names = "--windows",
            paramLabel = "N",
            description = "how many windows from the front of the text (default: all)")
    private Integer windows;

    @Option(
            names = "--reference",
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description =
                    "measure beside perplexity how far predictions are from this model's: KL(reference || model) of a token's"
                            + " distribution, mean and 99th percentile, and how often the first choice is the same")
    private Path reference;

    @Mixin private final TaskOptions tasks = new TaskOptions();

    @Option(
            names = "--perplexity",
            description =
                    "measure perplexity beside the tasks; with --task it is else measured only with --text or --reference")
    private boolean perplexity;

    @Option(
            names = "--card",
            description =
                    "enter the figures into the model card, README.md, of each model; those of wanda4j's own models alone")
    private boolean card;

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Mixin private final SparkOption spark = new SparkOption();

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    ///
    /// @param results one for each model, in the order given, up to a failure
    record Results(List<Result> results) {}

    @Override
    public void run() {
        var evaluation =
                Evaluation.of(
                        text(), seqlen, windows, tasks.tasks(), tasks.items(), compute.type());
        evaluation.check(models, Optional.ofNullable(reference));
        if (card) {
            models.forEach(EvalCommand::requireOwn);
        }
        compute.printBanner();
        RunSettings settings = compute.settings(Progress.NONE);
        Optional<Reference> dense =
                Optional.ofNullable(reference).map(it -> evaluation.reference(it, settings));
        SortedMap<Integer, Result> results = new TreeMap<>();
        try (WindowRunner runner = spark.runner(settings)) {
            for (int i = 0; i < models.size(); i++) {
                int place = i;
                try (var progress = new ProgressDisplay()) {
                    Result measured =
                            evaluation.measure(
                                    models.get(i),
                                    dense,
                                    settings.withProgress(progress).withRunner(runner),
                                    result -> results.put(place, result));
                    if (card) {
                        ModelCard.enter(models.get(i), Figures.of(measured));
                    }
                }
            }
        } finally {
            dense.ifPresent(Reference::close);
            print(results.values(), evaluation);
        }
    }

    /// The files of a model from elsewhere stay as they are.
    private static void requireOwn(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            if (checkpoint.packedAs().isEmpty() && !ModelCard.isOwn(model)) {
                throw new InvalidInputException(
                        "--card writes into README.md of the model, and %s is none that wanda4j wrote; name only such models"
                                .formatted(model));
            }
        }
    }

    private Optional<Corpus> text() {
        if (tasks.tasks().isEmpty() || perplexity || text != null || reference != null) {
            return Optional.of(reading.openEvaluation(text, models.getFirst()));
        }
        if (seqlen != null || windows != null) {
            Console.note(
                    "note: --seqlen and --windows are of the perplexity, which --task leaves out; add --perplexity for both");
        }
        return Optional.empty();
    }

    private void print(Collection<Result> results, Evaluation evaluation) {
        if (results.isEmpty()) {
            return;
        }
        result.print(new Results(List.copyOf(results)), () -> table(results, evaluation));
    }

    private String table(Collection<Result> results, Evaluation evaluation) {
        boolean predicts = evaluation.text().isPresent();
        List<String> header = new ArrayList<>(List.of("model"));
        if (predicts) {
            header.add("perplexity");
            if (reference != null) {
                header.addAll(List.of("KL", "KL of 99 %", "same choice"));
            }
            header.addAll(List.of("windows", "tokens", "time"));
        }
        for (Exam exam : evaluation.exams()) {
            header.addAll(List.of(exam.task().label(), "normed", "+-"));
        }
        List<List<String>> rows = new ArrayList<>(List.of(header));
        for (Result result : results) {
            List<String> row = new ArrayList<>(List.of(Format.model(result.model())));
            if (predicts) {
                row.add("%.3f".formatted(result.perplexity().orElseThrow()));
                result.divergence()
                        .ifPresent(divergence -> row.addAll(Format.divergence(divergence)));
                row.addAll(
                        List.of(
                                "%,d".formatted(result.windows().orElseThrow()),
                                "%,d".formatted(result.tokens().orElseThrow()),
                                Format.duration(result.seconds().orElseThrow())));
            }
            for (Exam exam : evaluation.exams()) {
                row.addAll(cells(Optional.ofNullable(result.tasks().get(exam.task().label()))));
            }
            rows.add(row);
        }
        return Format.table(rows);
    }

    /// Results of a task; blank where an earlier failure left it out.
    private static List<String> cells(Optional<ZeroShot> measured) {
        return measured.map(task ->
                        List.of(
                                Format.percent(task.accuracy()),
                                Format.percent(task.accuracyNorm()),
                                Format.percent(task.stderr())))
                .orElse(List.of("", "", ""));
    }
}
