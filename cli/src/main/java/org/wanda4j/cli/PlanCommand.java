package org.wanda4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ModelDirectory;
import org.wanda4j.plan.CardPlan;
import org.wanda4j.plan.CardRates;
import org.wanda4j.plan.ClusterPlan;
import org.wanda4j.plan.Memory;
import org.wanda4j.plan.ModelFootprint;
import org.wanda4j.plan.RunPlan;
import org.wanda4j.plan.Work;
import org.wanda4j.plan.Workload;
import org.wanda4j.runtime.SelfWriter;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda plan`
@Command(
        name = "plan",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Says what a run of 'wanda prune' with the same options would take here: operations, bytes, memory, time.",
        footer = {
            "",
            "Prunes a block of the model's shape for a second or two, to see how fast this machine is at it. A directory with",
            "nothing but a config.json will do.",
            "",
            "Examples:",
            "  wanda plan SmolLM2",
            "  wanda plan SmolLM2 --method sparsegpt --pattern 2:4 --windows 256",
            "  wanda plan Llama-3-70B --seqlen 2048 --json",
            "  wanda plan Llama-3-70B --seqlen 2048 --workers 16 --cores 32",
            "  wanda plan Llama-2-7B --seqlen 2048 --card a100"
        })
final class PlanCommand implements Runnable {

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Described.class,
            description =
                    "Hugging Face directory, or one with a config.json and no weights, or a model of the hub, of which the"
                            + " configuration alone is fetched")
    private Path model;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            description =
                    "where the output would go: its disk is measured (default: the current directory)")
    private Path output;

    @Option(
            names = "--workers",
            paramLabel = "N",
            description =
                    "also say what it would take where a Spark cluster of N machines like this one runs the windows")
    private Integer workers;

    @Option(
            names = "--cores",
            paramLabel = "C",
            description = "cores of each of them (default: as many as --threads)")
    private Integer cores;

    @Option(
            names = "--card",
            paramLabel = "a100|h100",
            description =
                    "also say what it would take on such a card, at the rates of its data sheet; --device cuda measures the card that is here")
    private String card;

    @Mixin private final RecipeOptions recipe = new RecipeOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public void run() {
        recipe.printBanner();
        ModelFootprint footprint = footprint();
        RunPlan plan =
                RunPlan.of(
                        footprint,
                        recipe.recipe(),
                        recipe.recovery(),
                        recipe.plannedCorpus(model),
                        writing(footprint),
                        disk(),
                        recipe.settings(Progress.NONE).withDevice(Device.HOST),
                        cluster(),
                        rates());
        result.print(
                plan,
                () ->
                        text(plan)
                                + plan.cluster()
                                        .map(PlanCommand::text)
                                        .map("\n\n"::concat)
                                        .orElse("")
                                + plan.card()
                                        .map(PlanCommand::text)
                                        .map("\n\n"::concat)
                                        .orElse(""));
    }

    private RunPlan.Writing writing(ModelFootprint footprint) {
        long tokens = recipe.writtenTokens(model);
        boolean measured = tokens > 0 && footprint.shard().isPresent();
        int threads = recipe.settings(Progress.NONE).threads();
        return new RunPlan.Writing(
                tokens,
                measured ? SelfWriter.rate(model, Corpus.bundledCalibration(), threads) : 0);
    }

    private Optional<CardRates> rates() {
        Device device = recipe.settings(Progress.NONE).device();
        if (card != null && !device.isHost()) {
            throw new InvalidInputException(
                    "--card is one that is not here; leave out either it or --device");
        }
        return device.isHost()
                ? Optional.ofNullable(card).map(it -> CardRates.named(it, recipe.typeOnCard()))
                : Optional.of(CardRates.of(device, recipe.typeOnCard()));
    }

    private Optional<ClusterPlan.Size> cluster() {
        if (workers == null && cores != null) {
            throw new InvalidInputException("--cores is that of --workers, which is not given");
        }
        int threads = recipe.settings(Progress.NONE).threads();
        return Optional.ofNullable(workers)
                .map(count -> new ClusterPlan.Size(count, cores == null ? threads : cores));
    }

    /// A directory without any weights is one that has a configuration alone; with some, they are read.
    private ModelFootprint footprint() {
        Path directory = ModelDirectory.of(model);
        boolean bare =
                Files.exists(directory.resolve("config.json"))
                        && !Files.exists(directory.resolve("model.safetensors"))
                        && !Files.exists(directory.resolve("model.safetensors.index.json"));
        if (bare) {
            return ModelFootprint.described(directory);
        }
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return ModelFootprint.of(checkpoint);
        }
    }

    /// The nearest directory of the output's path that is there.
    private Path disk() {
        Path at = (output == null ? Path.of("") : output).toAbsolutePath().normalize();
        while (!Files.isDirectory(at)) {
            at = at.getParent();
        }
        return at;
    }

    private static String text(RunPlan plan) {
        Workload workload = plan.workload();
        Memory memory = plan.memory();
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("phase", "work", "rate here", "time"));
        plan.phases()
                .forEach((phase, seconds) -> {
                    if (seconds > 0) {
                        rows.add(
                                List.of(
                                        phase,
                                        amounts(phase, workload.work(), ""),
                                        amounts(phase, plan.rates(), "/s"),
                                        Format.duration(seconds)));
                    }
                });
        return String.join(
                "\n",
                "",
                "model        %s: %,d parameters, %s%s"
                        .formatted(
                                plan.model(),
                                plan.parameters(),
                                Format.megabytes(plan.modelBytes()),
                                plan.weightsPresent()
                                        ? ""
                                        : " (in bf16; there is only a config.json)"),
                "to prune     %,d weights in %d blocks, %s, %s at %s"
                        .formatted(
                                workload.parameters(),
                                workload.blocks(),
                                plan.method(),
                                plan.pattern(),
                                Format.percent(plan.sparsity())),
                "calibration  %s"
                        .formatted(
                                workload.tokens() == 0
                                        ? "none"
                                        : "%,d windows of %,d tokens, order %s"
                                                .formatted(
                                                        plan.windows(),
                                                        plan.seqlen(),
                                                        plan.order())),
                "text         " + source(plan),
                "computed in  %s by %d threads".formatted(plan.dtype(), plan.threads()),
                plan.recovery()
                        .map(it ->
                                "recovery     %,d tokens of %s at %s"
                                        .formatted(
                                                it.tokens(),
                                                giga(it.operationsPerToken(), "FLOP"),
                                                giga(it.operationsPerSecond(), "FLOP/s")))
                        .orElse("recovery     none"),
                "",
                Format.table(rows),
                "",
                "time         " + Format.duration(plan.seconds()),
                "peak memory  %s of %s, %s of it page cache (the program %s, activations %s%s, a block %s)"
                        .formatted(
                                Format.megabytes(plan.peakResidentBytes()),
                                Format.megabytes(plan.memoryBytes()),
                                Format.megabytes(memory.pageCache()),
                                Format.megabytes(memory.program()),
                                Format.megabytes(memory.activations()),
                                memory.activationsInFile() ? " in a file" : "",
                                Format.megabytes(memory.block())),
                "disk         %s needed, %s free"
                        .formatted(
                                Format.megabytes(plan.diskBytes()),
                                Format.megabytes(plan.freeDiskBytes())));
    }

    private static String source(RunPlan plan) {
        double written = plan.workload().work().get(Work.TEXT);
        if (written == 0) {
            return "is there";
        }
        return "%,.0f tokens that the model writes%s"
                .formatted(
                        written,
                        plan.weightsPresent()
                                ? ""
                                : ", for which no time is counted: there are no weights to measure it with");
    }

    private static String text(ClusterPlan cluster) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("phase", "time"));
        cluster.phases()
                .forEach((phase, seconds) -> {
                    if (seconds > 0) {
                        rows.add(List.of(phase, Format.duration(seconds)));
                    }
                });
        return String.join(
                "\n",
                "on a cluster of %,d workers with %,d cores each, %,d parts:"
                        .formatted(cluster.workers(), cluster.cores(), cluster.parts()),
                "",
                Format.table(rows),
                "",
                "time         " + Format.duration(cluster.seconds()),
                "network      "
                        + cluster.networkBytes().entrySet().stream()
                                .filter(each -> each.getValue() > 0)
                                .map(each -> giga(each.getValue(), "B ") + each.getKey())
                                .collect(Collectors.joining(", ")),
                "by workers   "
                        + cluster.curve().entrySet().stream()
                                .map(each ->
                                        each.getKey() + ": " + Format.duration(each.getValue()))
                                .collect(Collectors.joining(", ")),
                "enough       %,d workers: twice as many save less than a tenth"
                        .formatted(cluster.enoughWorkers()));
    }

    private static String text(CardPlan plan) {
        CardRates card = plan.card();
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("phase", "time"));
        plan.phases()
                .forEach((phase, seconds) -> {
                    if (seconds > 0) {
                        rows.add(List.of(phase, Format.duration(seconds)));
                    }
                });
        return String.join(
                "\n",
                "on %s in %s, %s: %s, %s in fp64, memory %s, from the host %s:"
                        .formatted(
                                card.name(),
                                card.type(),
                                card.measured() ? "as measured" : "by its data sheet",
                                giga(card.products(), "FLOP/s"),
                                giga(card.products64(), "FLOP/s"),
                                giga(card.bandwidth(), "B/s"),
                                giga(card.link(), "B/s")),
                "",
                Format.table(rows),
                "",
                "time         at least "
                        + Format.duration(plan.seconds())
                        + ", and the host's: reading, encoding, writing",
                "on the card  at least %s (%s)"
                        .formatted(
                                Format.megabytes(plan.peakBytes()),
                                plan.memory().entrySet().stream()
                                        .map(each ->
                                                each.getKey()
                                                        + " "
                                                        + Format.megabytes(each.getValue()))
                                        .collect(Collectors.joining(", "))));
    }

    /// Amounts of the kinds of work in a phase.
    private static String amounts(String phase, Map<Work, Double> amounts, String suffix) {
        return Arrays.stream(Work.values())
                .filter(work -> work.phase().equals(phase))
                .filter(work -> amounts.getOrDefault(work, 0.0) > 0)
                .map(work -> giga(amounts.get(work), work.unit() + suffix))
                .collect(Collectors.joining(", "));
    }

    /// A number with the prefix that leaves one to three digits before the point.
    private static String giga(double number, String unit) {
        String[] prefixes = {"", "k", "M", "G", "T", "P", "E"};
        int prefix = 0;
        double left = number;
        while (left >= 1000 && prefix < prefixes.length - 1) {
            left /= 1000;
            prefix++;
        }
        return "%.3g %s%s".formatted(left, prefixes[prefix], unit);
    }
}
