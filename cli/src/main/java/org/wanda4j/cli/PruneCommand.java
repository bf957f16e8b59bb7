package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.Allocation;
import org.wanda4j.prune.Preset;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.HtmlReport;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.Corpus;
import org.wanda4j.tune.Tuning;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda prune`
@Command(
        name = "prune",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Writes a pruned copy of a checkpoint.",
        footer = {
            "",
            "Examples:",
            "  wanda prune SmolLM2 -o SmolLM2-half",
            "  wanda prune SmolLM2 -o SmolLM2-half --resume",
            "  wanda prune SmolLM2 -o SmolLM2-2of4 --pattern 2:4",
            "  wanda prune SmolLM2 -o out --sparsity 0.6 --calibration my-text.jsonl --windows 256",
            "  wanda prune SmolLM2 -o out --method admm --tune --allocation owl",
            "  wanda prune SmolLM2 -o out --preset best --pattern 2:4",
            "  wanda prune SmolLM2 -o out --skip '*.0.*' --skip '*down_proj' --json"
        })
final class PruneCommand implements Runnable {

    @Parameters(
            paramLabel = "MODEL",
            description = "Hugging Face directory: config.json, safetensors, tokenizer.json")
    private Path model;

    @Option(
            names = {"-o", "--output"},
            required = true,
            paramLabel = "OUT",
            description = "directory to write; it appears when it is complete")
    private Path output;

    @Option(
            names = "--force",
            description =
                    "replace a checkpoint that is already there, once the new one is complete;"
                            + " without --resume, clear away what an interrupted run left")
    private boolean force;

    @Option(
            names = "--resume",
            description =
                    "go on with a run on OUT that was interrupted, by the same options; start one where there is none")
    private boolean resume;

    @Option(
            names = "--preset",
            paramLabel = "fast|balanced|best",
            defaultValue = "fast",
            description =
                    "fast: wanda; balanced: admm; best: admm, then tuning."
                            + " What other options say comes first (default: ${DEFAULT-VALUE})")
    private Preset preset;

    @Option(
            names = "--method",
            paramLabel = "NAME",
            description =
                    "how to score and remove; 'wanda methods' lists them (default: the preset's)")
    private String method;

    @ArgGroup private final Zeros zeros = new Zeros();

    static final class Zeros {
        @Option(
                names = "--sparsity",
                paramLabel = "S",
                description = "fraction of the weights to remove, from 0 to below 1 (default: 0.5)")
        private Double sparsity;

        @Option(
                names = "--pattern",
                paramLabel = "N:M",
                description = "instead: remove N of every M consecutive inputs, as 2:4 or 4:8")
        private String pattern;

        SparsityPattern pattern() {
            if (pattern != null) {
                return SparsityPattern.parseNofM(pattern);
            }
            return sparsity == null
                    ? Recipe.DEFAULT.pattern()
                    : new SparsityPattern.Unstructured(sparsity);
        }
    }

    @Option(
            names = "--allocation",
            paramLabel = "uniform|owl|dlp",
            description =
                    "how the sparsity is spread over blocks: alike, by outliers, or by the median score"
                            + " (default: uniform)")
    private Allocation allocation;

    @Option(
            names = "--sparsity-of",
            paramLabel = "GLOB=S",
            description =
                    "fix the sparsity of linears whose name matches; the others make up for it; repeatable")
    private LinkedHashMap<String, Double> sparsityOf = new LinkedHashMap<>();

    @Option(
            names = "--tune",
            negatable = true,
            description =
                    "train what survives, block by block, towards the dense model's hidden states")
    private Boolean tune;

    @Option(
            names = "--tune-epochs",
            paramLabel = "N",
            description = "most passes over the windows; implies --tune (default: 3)")
    private Integer tuneEpochs;

    @Option(
            names = "--tune-lr",
            paramLabel = "RATE",
            description = "Adam's rate at the start, decaying to 0; implies --tune (default: 3e-4)")
    private Double tuneRate;

    @Mixin private final CalibrationOptions calibration = new CalibrationOptions();

    @Option(
            names = "--order",
            paramLabel = "stage|block",
            defaultValue = "stage",
            description =
                    "stage: each stage sees its pruned predecessors, one forward in all;"
                            + " block: as the published code, two forwards (default: ${DEFAULT-VALUE})")
    private CalibrationOrder order;

    @Option(
            names = "--skip",
            paramLabel = "GLOB",
            description = "leave linears dense whose name matches; repeatable")
    private List<String> skip = List.of();

    @Option(
            names = "--only",
            paramLabel = "GLOB",
            description = "prune only linears whose name matches; repeatable")
    private List<String> only = List.of();

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "write the report as an HTML file with plots too")
    private Path html;

    @Option(names = "--json", description = "print the report as JSON")
    private boolean json;

    @Override
    public void run() {
        PruneReport report;
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var progress = new ProgressDisplay();
                var _ = StopNotice.ofRun(output)) {
            compute.printBanner();
            report = prune(checkpoint, compute.settings(progress));
        }
        if (html != null) {
            HtmlReport.write(html, "Pruning " + model.toAbsolutePath().getFileName(), report);
        }
        if (json) {
            Console.printJson(report);
        } else {
            Console.print(summary(report));
        }
    }

    private PruneReport prune(Checkpoint checkpoint, RunSettings settings) {
        Corpus text = calibration.corpus();
        if (!resume) {
            return Pruner.prune(checkpoint, recipe(), text, output, force, settings);
        }
        Console.note(
                "note: "
                        + Pruner.left(output)
                                .map(done -> "going on: " + done)
                                .orElse("there is no interrupted run to go on with"));
        return Pruner.resume(checkpoint, recipe(), text, output, force, settings);
    }

    private Recipe recipe() {
        Recipe start = preset.recipe();
        Recipe recipe =
                start.withMethod(method == null ? start.method() : method)
                        .withPattern(zeros.pattern())
                        .withAllocation(
                                allocation == null ? start.allocation() : allocation, sparsityOf)
                        .withTuning(tuning(start))
                        .withOrder(order)
                        .withSampling(calibration.sampling(start.sampling()))
                        .withLinears(skip, only);
        return compute.type().map(recipe::withType).orElse(recipe);
    }

    private Optional<Tuning> tuning(Recipe start) {
        boolean asked = tuneEpochs != null || tuneRate != null || Boolean.TRUE.equals(tune);
        if (Boolean.FALSE.equals(tune)) {
            return Optional.empty();
        }
        if (!asked) {
            return start.tuning();
        }
        Tuning base = start.tuning().orElse(Tuning.DEFAULT);
        return Optional.of(
                new Tuning(
                        tuneEpochs == null ? base.epochs() : tuneEpochs,
                        tuneRate == null ? base.learningRate() : tuneRate));
    }

    private static String summary(PruneReport report) {
        String phases =
                report.phases().entrySet().stream()
                        .map(phase -> "%s %.1f".formatted(phase.getKey(), phase.getValue()))
                        .collect(Collectors.joining(", "));
        return String.join(
                "\n",
                "",
                Format.blockTable(header(report), cells(report)),
                "",
                "sparsity     %s asked, %s reached over %,d weights"
                        .formatted(
                                Format.percent(report.sparsityAsked()),
                                Format.percent(report.sparsity()),
                                report.parameters()),
                "method       %s, %s%s".formatted(report.method(), report.pattern(), tuned(report)),
                "time         %s (%s)".formatted(Format.duration(report.seconds()), phases),
                "peak memory  " + Format.megabytes(report.peakResidentBytes()),
                String.join(
                        "\n", report.notes().stream().map(note -> "note         " + note).toList()),
                "computed by  " + report.engine() + "; selection: " + report.kernels(),
                "output       "
                        + report.output()
                        + " (wanda-report.json and wanda-recipe.json are inside)");
    }

    private static String tuned(PruneReport report) {
        List<PruneReport.TuneReport> blocks =
                report.blocks().stream().flatMap(block -> block.tuned().stream()).toList();
        if (blocks.isEmpty()) {
            return "";
        }
        double ratio =
                blocks.stream()
                        .filter(block -> block.errorBefore() > 0)
                        .mapToDouble(block -> block.errorAfter() / block.errorBefore())
                        .average()
                        .orElse(1);
        return ", tuned: a block's error fell to %s on average".formatted(Format.percent(ratio));
    }

    private static List<String> header(PruneReport report) {
        List<String> header = new ArrayList<>(List.of("block", "all"));
        report.blocks().stream()
                .flatMap(block -> block.linears().stream())
                .map(PruneCommand::shortName)
                .distinct()
                .forEach(header::add);
        return header;
    }

    private static List<List<String>> cells(PruneReport report) {
        List<String> names = header(report).subList(2, header(report).size());
        return report.blocks().stream()
                .map(block -> {
                    List<String> row = new ArrayList<>();
                    row.add(block.linears().isEmpty() ? "dense" : Format.percent(block.sparsity()));
                    for (String name : names) {
                        row.add(
                                block.linears().stream()
                                        .filter(linear -> shortName(linear).equals(name))
                                        .map(linear -> Format.percent(linear.sparsity()))
                                        .findFirst()
                                        .orElse("dense"));
                    }
                    return row;
                })
                .toList();
    }

    private static String shortName(LinearReport linear) {
        return linear.name().substring(linear.name().lastIndexOf('.') + 1);
    }
}
