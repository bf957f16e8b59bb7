package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.cli.Fit.Found;
import org.wanda4j.compare.Budget;
import org.wanda4j.compare.Cell;
import org.wanda4j.compare.Estimate;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.ModelCard;
import org.wanda4j.text.Corpus;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda fit`
@Command(
        name = "fit",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Makes the best variant of a model that keeps to a size, a speed or a loss of quality: dense or pruned, packed in"
                        + " the type of values that suits.",
        footer = {
            "",
            "A few variants that are made in seconds tell what size, speed, rounding and pruning cost; what they predict to be",
            "best is made and measured, until the best is one that was measured. What is measured is kept in OUT.fit until the",
            "end: the same command goes on where it was stopped.",
            "",
            "Examples:",
            "  wanda fit SmolLM2 -o small --size 80MB",
            "  wanda fit SmolLM2 -o fast --speed 500 --minutes 60",
            "  wanda fit SmolLM2 -o close --quality 1.1"
        })
final class FitCommand implements Runnable {

    private static final Pattern SIZE = Pattern.compile("([0-9]+(?:\\.[0-9]+)?) *([kKMG]?)B?");

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description = "Hugging Face directory, or a model of the hub: org/name[@revision]")
    private Path model;

    @Mixin private final OutputOptions output = new OutputOptions();

    @ArgGroup(multiplicity = "1")
    private Limit limit;

    /// What the model must keep to.
    static final class Limit {

        @Option(
                names = "--size",
                paramLabel = "BYTES",
                description =
                        "the best quality of at most so many bytes of weights, as 80MB or 1.5GB")
        private String size;

        @Option(
                names = "--speed",
                paramLabel = "RATE",
                description = "the best quality that decodes at least so many tokens/s here")
        private Double speed;

        @Option(
                names = "--quality",
                paramLabel = "RATIO",
                description = "the smallest of at most so many times the dense model's perplexity")
        private Double quality;
    }

    @Option(
            names = "--minutes",
            paramLabel = "N",
            defaultValue = "15",
            description =
                    "time for all of it, about: the more, the better the method that prunes (default: 15)")
    private double minutes;

    @Mixin private final CalibrationOptions calibration = new CalibrationOptions();

    @Mixin private final EvaluationOptions evaluationOptions = new EvaluationOptions();

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    ///
    /// @param limit what the model had to keep to, in words
    /// @param why it was chosen, in words
    /// @param candidates the best of each type of values that keeps to the limit, measured or predicted
    /// @param cell what was chosen, as measured
    record Report(
            String model,
            String output,
            String limit,
            String why,
            List<Estimate> candidates,
            Cell cell,
            double seconds) {}

    @Override
    public void run() {
        long begin = System.nanoTime();
        Budget budget = budget();
        if (!(minutes > 0)) {
            throw new InvalidInputException("--minutes must be above 0, got " + minutes);
        }
        long deadline = begin + Math.round(minutes * TimeUnit.MINUTES.toNanos(1));
        Corpus text = calibration.corpus(model, compute);
        Evaluation evaluation =
                evaluationOptions.ofPart(model, calibration.reading(), compute.type());
        check(evaluation, text);
        compute.printBanner();
        Path work = work();
        var plan =
                new Variants.Plan(
                        model,
                        work,
                        text,
                        calibration.sampling(Recipe.DEFAULT.sampling()),
                        evaluation,
                        new Cells.Keeping(budget instanceof Budget.Decode, true));
        RunSettings settings = compute.settings(Progress.NONE);
        Report report;
        try (var _ = StopNotice.ofRepeatable();
                var cells = new Cells(plan, settings)) {
            var fit = new Fit(model, cells, budget, start(), text, settings, work, deadline);
            Optional<Found> found = fit.find();
            if (found.isEmpty()) {
                Cells.delete(work);
                throw new InvalidInputException(
                        "no variant of %s keeps to %s; %s"
                                .formatted(model, budget.describe(), fit.nearest()));
            }
            report = publish(found.get(), budget, cells, begin);
        }
        Cells.delete(work);
        result.print(report, () -> text(report));
    }

    private Budget budget() {
        if (limit.size != null) {
            return new Budget.Size(bytes(limit.size));
        }
        if (limit.speed != null) {
            requirePositive("--speed", limit.speed);
            return new Budget.Decode(limit.speed);
        }
        requirePositive("--quality", limit.quality);
        return new Budget.Quality(limit.quality);
    }

    private static void requirePositive(String option, double value) {
        if (!(value > 0 && Double.isFinite(value))) {
            throw new InvalidInputException(option + " must be above 0, got " + value);
        }
    }

    private static long bytes(String text) {
        Matcher matcher = SIZE.matcher(text);
        if (!matcher.matches()) {
            throw new InvalidInputException(
                    "--size takes a number of bytes, as 80MB or 1.5GB; got '" + text + "'");
        }
        double unit =
                switch (matcher.group(2)) {
                    case "k", "K" -> 1e3;
                    case "M" -> 1e6;
                    case "G" -> 1e9;
                    default -> 1;
                };
        return Math.round(Double.parseDouble(matcher.group(1)) * unit);
    }

    private void check(Evaluation evaluation, Corpus text) {
        evaluation.check(List.of(model), Optional.empty());
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            if (checkpoint.packedAs().isPresent()) {
                throw new InvalidInputException(
                        model + " is packed; give the checkpoint that it was packed from");
            }
            Pruner.check(checkpoint, start().apply(Recipe.DEFAULT), text);
        }
        OutputDirectory.claim(output.directory(), model, output.force()).close();
    }

    private UnaryOperator<Recipe> start() {
        return recipe -> {
            Recipe sampled = recipe.withSampling(calibration.sampling(recipe.sampling()));
            return compute.type().map(sampled::withType).orElse(sampled);
        };
    }

    private Path work() {
        return OutputDirectory.beside(output.directory(), ".fit");
    }

    /// Gives what was found its name, and measures its speed where that is not known.
    private Report publish(Found found, Budget budget, Cells cells, long begin) {
        Path target = output.directory();
        OutputDirectory.adopt(cells.checkpoint(found.variant()), target, output.force());
        Cell cell = found.cell();
        if (cell.speed().isEmpty()) {
            Console.note("measuring its speed");
            cell = cell.with(cells.speed(target));
        }
        ModelCard.enter(target, Figures.of(cell));
        return new Report(
                model.toString(),
                target.toString(),
                budget.describe(),
                why(found, budget),
                found.others(),
                cell,
                (System.nanoTime() - begin) / 1e9);
    }

    private static String why(Found found, Budget budget) {
        String chosen =
                "%s %s of what keeps to %s"
                        .formatted(
                                found.chosen().name(),
                                budget instanceof Budget.Quality
                                        ? "is the smallest"
                                        : "has the least perplexity",
                                budget.describe());
        return found.others().stream()
                .filter(other -> !other.equals(found.chosen()))
                .findFirst()
                .map(next ->
                        "%s; next comes %s, %.2f times the dense perplexity and %.1f MB%s"
                                .formatted(
                                        chosen,
                                        next.name(),
                                        next.ratio(),
                                        next.bytes() / 1e6,
                                        next.measured() ? "" : " as predicted"))
                .orElse(chosen);
    }

    private String text(Report report) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("best of each type", "size", "tokens/s", "times dense", ""));
        for (Estimate each : report.candidates()) {
            rows.add(
                    List.of(
                            each.name(),
                            "%.1f MB".formatted(each.bytes() / 1e6),
                            each.decode().isPresent()
                                    ? "%.0f".formatted(each.decode().getAsDouble())
                                    : "-",
                            "%.3f".formatted(each.ratio()),
                            each.measured() ? "measured" : "predicted"));
        }
        Cell cell = report.cell();
        Cell.Speed speed = cell.speed().orElseThrow();
        return String.join(
                "\n",
                "",
                Format.table(rows),
                "",
                "chosen       " + report.why(),
                "made by      " + cell.name(),
                "perplexity   %.3f; KL %.4f, first choice the same %s"
                        .formatted(
                                cell.perplexity(),
                                cell.divergence().orElseThrow().mean(),
                                Format.percent(cell.divergence().orElseThrow().sameChoice())),
                "size         %.1f MB".formatted(cell.bytes() / 1e6),
                "speed        prefill %.0f, decode %.0f tokens/s"
                        .formatted(speed.prefillTokensPerSecond(), speed.decodeTokensPerSecond()),
                "time         " + Format.duration(report.seconds()),
                "output       " + report.output());
    }
}
