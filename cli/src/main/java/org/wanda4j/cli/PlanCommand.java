package org.wanda4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.ModelDirectory;
import org.wanda4j.plan.Rates;
import org.wanda4j.plan.RunPlan;
import org.wanda4j.plan.Subject;
import org.wanda4j.plan.Workload;
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
            "  wanda plan Llama-3-70B --seqlen 2048 --json"
        })
final class PlanCommand implements Runnable {

    @Parameters(
            paramLabel = "MODEL",
            description = "Hugging Face directory, or one with a config.json and no weights")
    private Path model;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            description =
                    "where the output would go: its disk is measured (default: the current directory)")
    private Path output;

    @Mixin private final RecipeOptions recipe = new RecipeOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public void run() {
        recipe.printBanner();
        RunPlan plan =
                RunPlan.of(
                        subject(),
                        recipe.recipe(),
                        recipe.corpus(),
                        disk(),
                        recipe.settings(Progress.NONE));
        result.print(plan, () -> text(plan));
    }

    /// A directory without any weights is one that has a configuration alone; with some, they are read.
    private Subject subject() {
        Path directory = ModelDirectory.of(model);
        boolean bare =
                Files.exists(directory.resolve("config.json"))
                        && !Files.exists(directory.resolve("model.safetensors"))
                        && !Files.exists(directory.resolve("model.safetensors.index.json"));
        if (bare) {
            return Subject.described(directory);
        }
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return Subject.of(checkpoint);
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
        Workload work = plan.workload();
        Workload.Operations operations = work.operations();
        Workload.Memory memory = work.memory();
        Rates rates = plan.rates();
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("phase", "work", "rate here", "time"));
        rows.add(
                row(
                        "linears",
                        giga(operations.forward(), "FLOP"),
                        giga(rates.linears(), "FLOP/s"),
                        plan));
        rows.add(
                row(
                        "attention",
                        giga(operations.attention(), "FLOP"),
                        giga(rates.attention(), "FLOP/s"),
                        plan));
        rows.add(
                row(
                        "activations",
                        giga(operations.activations(), "values"),
                        giga(rates.activations(), "values/s"),
                        plan));
        rows.add(
                row(
                        "statistics",
                        giga(operations.measured(), "values")
                                + (operations.gram() > 0
                                        ? ", " + giga(operations.gram(), "FLOP")
                                        : ""),
                        giga(rates.measured(), "values/s")
                                + (operations.gram() > 0
                                        ? ", " + giga(rates.gram(), "FLOP/s")
                                        : ""),
                        plan));
        rows.add(
                row(
                        "select",
                        giga(operations.chosen(), "weights")
                                + (operations.update() > 0
                                        ? ", "
                                                + giga(
                                                        operations.shared() + operations.update(),
                                                        "FLOP")
                                        : ""),
                        giga(rates.chosen(), "weights/s")
                                + (operations.update() > 0
                                        ? ", " + giga(rates.update(), "FLOP/s")
                                        : ""),
                        plan));
        if (operations.tuning() > 0) {
            rows.add(
                    row(
                            "tune",
                            giga(operations.tuning(), "FLOP"),
                            giga(rates.linears(), "FLOP/s"),
                            plan));
        }
        rows.add(
                row(
                        "tokenize",
                        "%,d tokens".formatted(work.tokens()),
                        giga(rates.tokens(), "tokens/s"),
                        plan));
        rows.add(
                row(
                        "load",
                        giga(operations.loaded(), "weights"),
                        giga(rates.loaded(), "weights/s"),
                        plan));
        rows.add(row("hash", Format.megabytes(plan.modelBytes()), giga(rates.read(), "B/s"), plan));
        rows.add(
                row(
                        "write",
                        Format.megabytes(work.traffic().written()),
                        giga(rates.written(), "B/s"),
                        plan));
        rows.add(row("start", "", "", plan));
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
                                work.parameters(),
                                work.blocks(),
                                plan.method(),
                                plan.pattern(),
                                Format.percent(plan.sparsity())),
                "calibration  %s"
                        .formatted(
                                work.tokens() == 0
                                        ? "none"
                                        : "%,d windows of %,d tokens, order %s"
                                                .formatted(
                                                        plan.windows(),
                                                        plan.seqlen(),
                                                        plan.order())),
                "computed in  %s by %d threads".formatted(plan.dtype(), plan.threads()),
                "",
                Format.table(rows),
                "",
                "time         " + Format.duration(plan.seconds()),
                "peak memory  %s of %s, %s of it page cache (%s; a block's weights %s, threads %s, statistics and update %s, the program %s)"
                        .formatted(
                                Format.megabytes(plan.peakResidentBytes()),
                                Format.megabytes(plan.memoryBytes()),
                                Format.megabytes(memory.pageCache()),
                                "activations "
                                        + Format.megabytes(memory.activations())
                                        + (memory.activationsInFile() ? " in a file" : ""),
                                Format.megabytes(memory.mapped() + memory.weights()),
                                Format.megabytes(memory.threads()),
                                Format.megabytes(memory.statistics() + memory.update()),
                                Format.megabytes(rates.programBytes())),
                "disk         %s needed, %s free"
                        .formatted(
                                Format.megabytes(work.traffic().disk()),
                                Format.megabytes(plan.freeDiskBytes())),
                "files        %s read, %s written"
                        .formatted(
                                Format.megabytes(work.traffic().read()),
                                Format.megabytes(work.traffic().written())));
    }

    private static List<String> row(String phase, String work, String rate, RunPlan plan) {
        return List.of(phase, work, rate, Format.duration(plan.phases().get(phase)));
    }

    /// A number with the prefix that leaves one to three digits before the point.
    private static String giga(double number, String unit) {
        if (number == 0) {
            return "none";
        }
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
