package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.cli.Cells.Keeping;
import org.wanda4j.cli.Cells.Probe;
import org.wanda4j.cli.Cells.Variant;
import org.wanda4j.compare.Cell;
import org.wanda4j.compare.Cell.Speed;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.recover.PackAndRecover;
import org.wanda4j.report.ModelCard;
import org.wanda4j.report.PeakMemory;
import org.wanda4j.report.PruneReport;
import org.wanda4j.runtime.Throughput;
import org.wanda4j.text.Corpus;

/// Makes variants of a model and measures them.
///
/// A variant's checkpoint is in OUT/models while it is needed. Beside it lies what decided it, so that a run that was stopped
/// within a variant goes on with it.
final class Variants implements AutoCloseable {

    private static final int PROMPT_TOKENS = 512;
    private static final int TOKENS = 128;
    private static final int REPEATS = 5;

    private final Plan plan;
    private final RunSettings settings;
    private Optional<Evaluation.Reference> reference = Optional.empty();

    /// What all variants of a model have in common.
    ///
    /// @param model is pruned and packed
    /// @param output directory
    /// @param text calibration text
    /// @param sampling windows of it that packed weights are rounded along
    record Plan(
            Path model,
            Path output,
            Corpus text,
            Recipe.Sampling sampling,
            Evaluation evaluation,
            Keeping keeping) {

        /// For another process: paths do not depend on where it runs.
        Plan absolute() {
            return new Plan(
                    model.toAbsolutePath(),
                    output.toAbsolutePath(),
                    text,
                    sampling,
                    evaluation,
                    keeping);
        }
    }

    /// How a checkpoint is pruned.
    ///
    /// @param key everything that decides it
    record Pruning(Recipe recipe, String key) {}

    /// A checkpoint on disk that is being made.
    ///
    /// @param key everything that decides it
    private record Begun(String key) {}

    /// A checkpoint of a variant.
    ///
    /// @param seconds that it took to make
    record Made(Path checkpoint, double sparsity, double seconds, OptionalLong peakResidentBytes) {}

    Variants(Plan plan, RunSettings settings) {
        this.plan = plan;
        this.settings = settings;
    }

    /// Makes a variant and measures it.
    ///
    /// @param pruning empty for the model as it is
    Cell cell(Variant variant, Optional<Pruning> pruning) {
        Made made = packed(made(variant, pruning), variant, isCalibrated(variant));
        Cell cell = measure(variant, made);
        if (plan.keeping().models() && !isGiven(made)) {
            ModelCard.enter(made.checkpoint(), Figures.of(cell));
        } else if (variant.values().isPresent()) {
            Cells.delete(made.checkpoint());
        }
        return cell;
    }

    /// Makes a variant and measures its size, and its speed where that is asked for.
    ///
    /// @param pruning empty for the model as it is
    Probe probe(Variant variant, Optional<Pruning> pruning) {
        // Of the same size and speed, in less time.
        Made made = packed(made(variant, pruning), variant, false);
        Optional<Speed> speed =
                plan.keeping().bench()
                        ? Optional.of(speed(bench(made.checkpoint(), 0)))
                        : Optional.empty();
        Probe probe = new Probe(bytes(made.checkpoint()), speed);
        Cells.delete(made.checkpoint());
        return probe;
    }

    /// Whether a variant is rounded along the text.
    static boolean isCalibrated(Variant variant) {
        return variant.values().map(Packing::of).filter(Packing::isUsuallyCalibrated).isPresent();
    }

    private boolean isGiven(Made made) {
        return made.checkpoint().equals(plan.model());
    }

    private Made made(Variant variant, Optional<Pruning> pruning) {
        return pruning.map(it -> prune(variant.unpacked(), it))
                .orElseGet(() -> new Made(plan.model(), 0, 0, OptionalLong.empty()));
    }

    /// Prunes the model, or goes on where that was stopped; its checkpoint stays until [#forget].
    Made prune(Variant variant, Pruning pruning) {
        Path target = checkpoint(variant);
        Path mark = mark(variant);
        boolean begun = Cells.keyOf(mark).equals(Optional.of(pruning.key()));
        Cells.write(mark, Json.write(new Begun(pruning.key())));
        PeakMemory.reset();
        try (Checkpoint checkpoint = Checkpoint.open(plan.model());
                var progress = new ProgressDisplay()) {
            RunSettings shown = settings.withProgress(progress);
            Recipe recipe = pruning.recipe();
            PruneReport report =
                    begun
                            ? Pruner.resume(checkpoint, recipe, plan.text(), target, true, shown)
                            : Pruner.prune(checkpoint, recipe, plan.text(), target, true, shown);
            return new Made(
                    target, report.sparsity(), report.seconds(), report.peakResidentBytes());
        }
    }

    /// @param calibrated whether it is rounded along the text
    private Made packed(Made made, Variant variant, boolean calibrated) {
        if (variant.values().isEmpty()) {
            return made;
        }
        Path target = checkpoint(variant);
        Cells.makeDirectory(target.getParent());
        Packing packing = Packing.of(variant.values().get());
        PackReport report =
                calibrated
                        ? packing.calibrated(
                                made.checkpoint(),
                                plan.sampling(),
                                plan.text(),
                                plan.evaluation().type(),
                                PackAndRecover.TOKENS,
                                settings,
                                target,
                                true)
                        : packing.nearest(made.checkpoint(), target, true);
        return new Made(
                target,
                made.sparsity(),
                made.seconds() + report.seconds(),
                made.peakResidentBytes());
    }

    /// Where the checkpoint of a variant is, as long as it is kept.
    Path checkpoint(Variant variant) {
        return plan.output().resolve("models").resolve(variant.file());
    }

    private Path mark(Variant variant) {
        return plan.output().resolve("models").resolve(variant.file() + ".json");
    }

    private Cell measure(Variant variant, Made made) {
        Evaluation.Result result;
        try (var progress = new ProgressDisplay()) {
            RunSettings shown = settings.withProgress(progress);
            result =
                    plan.evaluation()
                            .measure(
                                    made.checkpoint(),
                                    isGiven(made)
                                            ? Optional.empty()
                                            : Optional.of(reference(shown)),
                                    shown,
                                    _ -> {});
        }
        Optional<Throughput> speed =
                plan.keeping().bench()
                        ? Optional.of(bench(made.checkpoint(), PROMPT_TOKENS))
                        : variant.values().map(_ -> bytesPerToken(made.checkpoint()));
        return new Cell(
                variant.name(),
                variant.method(),
                variant.pattern(),
                made.sparsity(),
                variant.values().map(ValueType::label),
                result.perplexity().orElseThrow(),
                result.divergence(),
                result.tasks(),
                made.seconds(),
                made.peakResidentBytes(),
                bytes(made.checkpoint()),
                speed.map(it -> OptionalLong.of(it.bytesPerToken())).orElse(OptionalLong.empty()),
                speed.filter(_ -> plan.keeping().bench()).map(Variants::speed));
    }

    private synchronized Evaluation.Reference reference(RunSettings shown) {
        if (reference.isEmpty()) {
            reference = Optional.of(plan.evaluation().reference(plan.model(), shown));
        }
        return reference.get();
    }

    /// How fast the runtime is with a checkpoint, as `wanda bench` measures it.
    Speed speed(Path checkpoint) {
        return speed(bench(checkpoint, PROMPT_TOKENS));
    }

    private Throughput bench(Path checkpoint, int prompt) {
        int longest;
        try (Checkpoint model = Checkpoint.open(plan.model())) {
            longest = Families.describe(model).positions();
        }
        return Throughput.measure(
                checkpoint,
                new Throughput.Work(
                        Math.min(prompt, longest), Math.min(TOKENS, longest), 1, REPEATS),
                settings.threads(),
                Optional.empty());
    }

    /// What the runtime reads for a token; its speed is not measured.
    private Throughput bytesPerToken(Path checkpoint) {
        return Throughput.measure(
                checkpoint, Throughput.Work.NONE, settings.threads(), Optional.empty());
    }

    private static Speed speed(Throughput measured) {
        Throughput.Rate prefill = measured.prefillRate();
        Throughput.Rate decode = measured.decodeRate();
        return new Speed(prefill.mean(), prefill.deviation(), decode.mean(), decode.deviation());
    }

    private static long bytes(Path directory) {
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return checkpoint.bytes();
        }
    }

    /// Removes the checkpoint of a variant that was pruned, where checkpoints are not kept.
    void forget(Variant variant) {
        if (!plan.keeping().models()) {
            Cells.delete(checkpoint(variant));
            Cells.delete(mark(variant));
        }
    }

    @Override
    public void close() {
        reference.ifPresent(Evaluation.Reference::close);
    }
}
