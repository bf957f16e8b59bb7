package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.evaluate.Perplexity;
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
        description = "Measures the perplexity of one or more checkpoints on a text.",
        footer = {
            "",
            "Examples:",
            "  wanda eval SmolLM2 SmolLM2-half",
            "  wanda eval SmolLM2 --seqlen 512 --windows 20",
            "  wanda eval SmolLM2 --text my-text.txt --json"
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

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Option(names = "--json", description = "print the results as JSON")
    private boolean json;

    /// What `--json` prints.
    ///
    /// @param results one for each model, in the order given
    record Results(List<Perplexity> results) {}

    @Override
    public void run() {
        compute.printBanner();
        Corpus corpus = text == null ? Corpus.bundledEvaluation() : Corpus.open(text);
        var protocol = new Perplexity.Protocol(optional(seqlen), optional(windows), compute.type());
        List<Perplexity> results = new ArrayList<>();
        for (Path model : models) {
            try (Checkpoint checkpoint = Checkpoint.open(model);
                    var progress = new ProgressDisplay()) {
                results.add(
                        Perplexity.measure(
                                checkpoint, corpus, protocol, compute.settings(progress)));
            }
        }
        if (json) {
            Console.printJson(new Results(results));
        } else {
            Console.print(table(results));
        }
    }

    private static OptionalInt optional(Integer value) {
        return value == null ? OptionalInt.empty() : OptionalInt.of(value);
    }

    private static String table(List<Perplexity> results) {
        List<List<String>> rows =
                new ArrayList<>(
                        List.of(List.of("model", "perplexity", "windows", "tokens", "time")));
        for (Perplexity result : results) {
            rows.add(
                    List.of(
                            result.model(),
                            "%.3f".formatted(result.perplexity()),
                            "%,d".formatted(result.windows()),
                            "%,d".formatted(result.tokens()),
                            Format.duration(result.seconds())));
        }
        return Format.table(rows);
    }
}
