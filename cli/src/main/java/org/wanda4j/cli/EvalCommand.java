package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.wanda4j.cli.Evaluation.Result;
import org.wanda4j.evaluate.Exam;
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
                "Measures the perplexity of one or more checkpoints on a text, and their answers to multiple choice.",
        footer = {
            "",
            "Examples:",
            "  wanda eval SmolLM2 SmolLM2-half",
            "  wanda eval SmolLM2 --seqlen 512 --windows 20",
            "  wanda eval SmolLM2 --text my-text.txt --json",
            "  wanda eval SmolLM2 SmolLM2-half --task hellaswag:hellaswag.jsonl --task boolq:validation.parquet"
        })
final class EvalCommand implements Runnable {

    @Parameters(arity = "1..*", paramLabel = "MODEL", description = "Hugging Face directories")
    private List<Path> models;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            description =
                    "text to predict: .txt, .jsonl, .jsonl.gz or .json.gz, or a directory of them"
                            + " (default: the bundled WikiText-2 test set)")
    private Path text;

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
            names = "--task",
            paramLabel = "TASK:FILE",
            description =
                    "zero-shot multiple choice too, from JSON lines or Parquet: hellaswag, arc-easy,"
                            + " arc-challenge, winogrande, boolq, rte or openbookqa; repeatable")
    private List<String> tasks = List.of();

    @Option(
            names = "--items",
            paramLabel = "N",
            description = "how many items from the front of each task (default: all)")
    private Integer items;

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Option(names = "--json", description = "print the results as JSON")
    private boolean json;

    /// What `--json` prints.
    ///
    /// @param results one for each model, in the order given
    record Results(List<Result> results) {}

    @Override
    public void run() {
        var evaluation = Evaluation.of(text, seqlen, windows, tasks, items, compute.type());
        compute.printBanner();
        List<Result> results = new ArrayList<>();
        for (Path model : models) {
            try (var progress = new ProgressDisplay()) {
                results.add(evaluation.measure(model, compute.settings(progress)));
            }
        }
        if (json) {
            Console.printJson(new Results(results));
        } else {
            Console.print(table(results, evaluation.exams()));
        }
    }

    private static String table(List<Result> results, List<Exam> exams) {
        List<String> header =
                new ArrayList<>(List.of("model", "perplexity", "windows", "tokens", "time"));
        exams.forEach(exam -> header.addAll(List.of(exam.task().label(), "normed", "+-")));
        List<List<String>> rows = new ArrayList<>(List.of(header));
        for (Result result : results) {
            List<String> row =
                    new ArrayList<>(
                            List.of(
                                    result.model(),
                                    "%.3f".formatted(result.perplexity()),
                                    "%,d".formatted(result.windows()),
                                    "%,d".formatted(result.tokens()),
                                    Format.duration(result.seconds())));
            result.tasks()
                    .values()
                    .forEach(task ->
                            row.addAll(
                                    List.of(
                                            Format.percent(task.accuracy()),
                                            Format.percent(task.accuracyNorm()),
                                            Format.percent(task.stderr()))));
            rows.add(row);
        }
        return Format.table(rows);
    }
}
