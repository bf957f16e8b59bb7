package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.ModelName;
import org.wanda4j.gguf.GgufExport;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.recover.PruneAndRecover;
import org.wanda4j.recover.Recovery;
import org.wanda4j.report.HtmlReport;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.text.Corpus;
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
            "  wanda prune SmolLM2 -o SmolLM2-half --gguf SmolLM2-half.gguf",
            "  wanda prune SmolLM2 -o out --sparsity 0.6 --calibration my-text.jsonl --windows 256",
            "  wanda prune SmolLM2 -o out --calibration my-chats.jsonl.zst --text-field messages",
            "  wanda prune SmolLM2 -o out --method admm --tune --allocation owl",
            "  wanda prune SmolLM2 -o out --preset best --pattern 2:4",
            "  wanda prune SmolLM2 -o out --preset best --minutes 15",
            "  wanda prune SmolLM2 -o out --preset balanced --recover-minutes 60 --resume",
            "  wanda prune SmolLM2 -o SmolLM2-int4 --preset balanced --sparsity 0.3 --values int4",
            "  wanda prune SmolLM2 -o out --spark spark://head:7077",
            "  wanda prune SmolLM2 -o out --skip '*.0.*' --skip '*down_proj' --json"
        })
final class PruneCommand implements Runnable {

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description =
                    "Hugging Face directory (config.json, safetensors, tokenizer.json), or a model of the hub: org/name[@revision]")
    private Path model;

    @Mixin private final OutputOptions output = new OutputOptions();

    @Mixin private final ResumeOption resume = new ResumeOption();

    @Mixin private final RecipeOptions recipe = new RecipeOptions();

    @Mixin private final SparkOption spark = new SparkOption();

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "write the report as an HTML file with plots too")
    private Path html;

    @Option(
            names = "--gguf",
            paramLabel = "FILE",
            description =
                    "export the result as a GGUF file too, in the model's own type (wanda export has others)")
    private Path gguf;

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public void run() {
        Optional<Recovery> recovery = recipe.recovery();
        PruneReport report;
        Optional<RecoverReport> recovered = Optional.empty();
        Architecture architecture;
        RunSettings settings = recipe.settings(Progress.NONE);
        try (Checkpoint checkpoint = Checkpoint.open(model);
                WindowRunner runner = spark.runner(settings);
                var progress = new ProgressDisplay();
                var _ = StopNotice.ofRun(output.directory(), this::left)) {
            recipe.printBanner();
            architecture = Families.describe(checkpoint);
            if (html != null) {
                HtmlReport.check(html, output.directory());
            }
            if (gguf != null) {
                GgufExport.check(checkpoint, gguf, output.force());
            }
            if (resume.given()) {
                Console.note(
                        "note: "
                                + left(output.directory())
                                        .map(done -> "going on: " + done)
                                        .orElse("there is no interrupted run to go on with"));
            }
            settings = settings.withProgress(progress).withRunner(runner);
            if (recovery.isPresent()) {
                PruneAndRecover.Report both = recover(checkpoint, recovery.get(), settings);
                report = both.pruned();
                recovered = Optional.of(both.recovered());
            } else {
                report = prune(checkpoint, settings);
            }
        }
        if (html != null) {
            HtmlReport.write(html, "Pruning " + ModelName.of(model), report);
        }
        Optional<ExportCommand.Exported> exported =
                Optional.ofNullable(gguf)
                        .map(file ->
                                ExportCommand.export(
                                        output.directory(),
                                        file,
                                        Optional.empty(),
                                        output.force()));
        print(report, recovered, architecture);
        exported.filter(_ -> !result.json()).ifPresent(it -> Console.print(ExportCommand.text(it)));
    }

    private void print(
            PruneReport report, Optional<RecoverReport> recovered, Architecture architecture) {
        if (recovered.isPresent()) {
            var both = new PruneAndRecover.Report(report, recovered.get());
            result.print(
                    both,
                    () ->
                            summary(report, architecture)
                                    + "\n"
                                    + RecoverCommand.summary(recovered.get()));
        } else {
            result.print(report, () -> summary(report, architecture));
        }
    }

    /// How far the run on `directory` had come that was interrupted, in words.
    private Optional<String> left(Path directory) {
        return recipe.recovery().isPresent()
                ? PruneAndRecover.left(directory)
                : Pruner.left(directory);
    }

    private PruneAndRecover.Report recover(
            Checkpoint checkpoint, Recovery recovery, RunSettings settings) {
        var run =
                new PruneAndRecover(
                        checkpoint, recipe.recipe(), recovery, recipe.corpus(model), settings);
        return resume.given()
                ? run.resume(output.directory(), output.force())
                : run.run(output.directory(), output.force());
    }

    private PruneReport prune(Checkpoint checkpoint, RunSettings settings) {
        Corpus text = recipe.corpus(model);
        return resume.given()
                ? Pruner.resume(
                        checkpoint,
                        recipe.recipe(),
                        text,
                        output.directory(),
                        output.force(),
                        settings)
                : Pruner.prune(
                        checkpoint,
                        recipe.recipe(),
                        text,
                        output.directory(),
                        output.force(),
                        settings);
    }

    private static String summary(PruneReport report, Architecture architecture) {
        String phases =
                report.phases().entrySet().stream()
                        .map(phase -> "%s %.1f".formatted(phase.getKey(), phase.getValue()))
                        .collect(Collectors.joining(", "));
        return String.join(
                "\n",
                "",
                table(report, architecture),
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

    private static String table(PruneReport report, Architecture architecture) {
        Map<String, Long> zeros =
                report.blocks().stream()
                        .flatMap(block -> block.linears().stream())
                        .collect(Collectors.toMap(LinearReport::name, LinearReport::zeros));
        List<SparsityTable.Cell> cells = new ArrayList<>();
        for (int block = 0; block < architecture.blocks().size(); block++) {
            for (Linear linear : architecture.blocks().get(block).linears()) {
                Long removed = zeros.get(linear.name());
                cells.add(
                        new SparsityTable.Cell(
                                block,
                                linear.name(),
                                removed == null ? OptionalLong.empty() : OptionalLong.of(removed),
                                linear.weights(),
                                Optional.empty()));
            }
        }
        return SparsityTable.of(architecture.blocks().size(), cells, true);
    }
}
