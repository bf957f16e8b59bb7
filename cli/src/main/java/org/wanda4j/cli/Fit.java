package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.UnaryOperator;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.cli.Cells.Probe;
import org.wanda4j.cli.Cells.Variant;
import org.wanda4j.compare.Budget;
import org.wanda4j.compare.Cell;
import org.wanda4j.compare.Estimate;
import org.wanda4j.compare.Forecast;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.plan.ModelFootprint;
import org.wanda4j.plan.RunPlan;
import org.wanda4j.prune.Preset;
import org.wanda4j.prune.Recipe;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.text.Corpus;

/// Finds the variant of a model that is the best within a budget, and makes it.
///
/// 1. Size, and speed where it is the budget, of the dense model in every type, and of that pruned by magnitude, which takes
///    seconds and is of the same size and speed as any other pruning.
/// 2. Perplexity of the dense model in every type: what rounding costs. Perplexity at 50 %, by the method that the time allows: what
///    pruning costs.
/// 3. What these predict to be best is made and measured, which corrects the prediction, until what is best was measured.
final class Fit {

    private static final double PROBED = 0.5;

    /// What tuning leaves of the loss: logarithm of the perplexity over the dense one's, SmolLM2 at 50 % (docs/methods.md).
    private static final double TUNED = 0.8;

    /// Share of the time that one run may take: a probe and an evaluation come before it, and perhaps another one behind it.
    private static final double SHARE = 0.5;

    private static final int MOST_TRIES = 4;

    private final Path model;
    private final Cells cells;
    private final Budget budget;
    private final UnaryOperator<Recipe> start;
    private final Corpus text;
    private final RunSettings settings;
    private final Path disk;
    private final long deadline;
    private final Forecast forecast;
    private final Map<Estimate, Variant> made = new HashMap<>();
    private final Map<Variant, Cell> measured = new HashMap<>();
    private Optional<Preset> preset = Optional.empty();

    /// What was found.
    ///
    /// @param cell as measured
    /// @param others the best of each type of values that keeps to the budget, measured or predicted
    record Found(Estimate chosen, Cell cell, Variant variant, List<Estimate> others) {}

    /// @param model to be fitted
    /// @param cells of its variants, which keep the checkpoints
    /// @param start what all pruning has in common: calibration windows and type
    /// @param text calibration text
    /// @param disk a directory on the disk that the output goes to
    /// @param deadline in nanoseconds, as [System#nanoTime()]
    Fit(
            Path model,
            Cells cells,
            Budget budget,
            UnaryOperator<Recipe> start,
            Corpus text,
            RunSettings settings,
            Path disk,
            long deadline) {
        this.model = model;
        this.cells = cells;
        this.budget = budget;
        this.start = start;
        this.text = text;
        this.settings = settings;
        this.disk = disk;
        this.deadline = deadline;
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            this.forecast =
                    new Forecast(
                            Families.describe(checkpoint).linears().stream()
                                    .mapToLong(Linear::weights)
                                    .sum());
        }
    }

    /// What was found; empty where no variant keeps to the budget.
    Optional<Found> find() {
        sizes();
        boolean told = !(budget instanceof Budget.Quality);
        if (told && forecast.best(budget).isEmpty()) {
            return Optional.empty();
        }
        Cell dense = cells.dense(Optional.empty());
        for (ValueType type : PackCommand.VALUE_TYPES) {
            Variant variant = Variant.dense(Optional.of(type));
            forecast.dense(entered(variant, 0, cells.dense(Optional.of(type)), dense));
        }
        probe(dense);
        return choose(dense);
    }

    /// Sizes, and speeds where they are the budget.
    private void sizes() {
        boolean timed = budget instanceof Budget.Decode;
        for (ValueType type : PackCommand.VALUE_TYPES) {
            Probe whole = cells.probe(type);
            Probe sparse = sparse(type, PROBED);
            forecast.sizes(type, whole.bytes(), PROBED, sparse.bytes());
            if (timed) {
                forecast.decode(type, 0, decode(whole));
                forecast.decode(type, PROBED, decode(sparse));
                forecast.decode(
                        type,
                        Forecast.LARGEST_SPARSITY,
                        decode(sparse(type, Forecast.LARGEST_SPARSITY)));
            }
        }
    }

    private Probe sparse(ValueType type, double sparsity) {
        Recipe recipe = recipe(Recipe.DEFAULT.withMethod("magnitude"), sparsity);
        return cells.probe(variant("magnitude", sparsity, Optional.of(type)), recipe);
    }

    private static double decode(Probe probe) {
        return probe.speed().orElseThrow().decodeTokensPerSecond();
    }

    private Recipe recipe(Recipe from, double sparsity) {
        return start.apply(from).withPattern(new Unstructured(sparsity));
    }

    private static Variant variant(String method, double sparsity, Optional<ValueType> values) {
        return new Variant(method, "" + sparsity, values);
    }

    /// Chooses how to prune by the time that is left, and measures what the method costs without tuning.
    private void probe(Cell dense) {
        preset = affordable();
        if (preset.isEmpty()) {
            Console.note(
                    "note: the time is too short to prune: dense models alone are compared; --minutes gives more");
            return;
        }
        Preset chosen = preset.get();
        Recipe recipe = recipe(chosen.recipe().withTuning(Optional.empty()), PROBED);
        Cell probe = cells.pruned(variant(recipe.method(), PROBED, Optional.empty()), recipe);
        forecast.pruned(
                PROBED,
                probe.perplexity() / dense.perplexity(),
                chosen.recipe().tuning().isPresent() ? TUNED : 1);
    }

    /// The best preset that takes at most [#SHARE] of the time that is left, as `wanda plan` predicts it.
    private Optional<Preset> affordable() {
        for (Preset each : List.of(Preset.BEST, Preset.BALANCED, Preset.FAST)) {
            if (planned(each) <= SHARE * secondsLeft()) {
                return Optional.of(each);
            }
        }
        return Optional.empty();
    }

    private double planned(Preset each) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return RunPlan.of(
                            ModelFootprint.of(checkpoint),
                            recipe(each.recipe(), PROBED),
                            Optional.empty(),
                            text,
                            RunPlan.Writing.NONE,
                            disk,
                            settings,
                            Optional.empty(),
                            Optional.empty())
                    .seconds();
        }
    }

    private double secondsLeft() {
        return (deadline - System.nanoTime()) / 1e9;
    }

    private Optional<Found> choose(Cell dense) {
        double longest = 0;
        for (int tries = 0; tries < MOST_TRIES; tries++) {
            Optional<Estimate> best = forecast.best(budget);
            boolean late = longest > secondsLeft() && forecast.bestMeasured(budget).isPresent();
            if (best.isEmpty() || best.get().measured() || preset.isEmpty() || late) {
                break;
            }
            long begin = System.nanoTime();
            make(best.get(), dense);
            longest = Math.max(longest, (System.nanoTime() - begin) / 1e9);
        }
        return forecast.bestMeasured(budget).map(this::found);
    }

    private Found found(Estimate best) {
        Variant variant = made.get(best);
        return new Found(best, measured.get(variant), variant, forecast.bestOfTypes(budget));
    }

    private void make(Estimate predicted, Cell dense) {
        Preset by = preset.orElseThrow();
        String name = by.name().toLowerCase(Locale.ROOT);
        Console.note(
                "trying %s by preset %s, predicted to have %.2f times the dense perplexity and %s"
                        .formatted(
                                predicted.name(),
                                name,
                                predicted.ratio(),
                                Format.megabytes(Math.round(predicted.bytes()))));
        Variant variant = variant(name, predicted.sparsity(), Optional.of(predicted.values()));
        Cell cell = cells.pruned(variant, recipe(by.recipe(), predicted.sparsity()));
        forecast.made(entered(variant, predicted.sparsity(), cell, dense));
    }

    private Estimate entered(Variant variant, double sparsity, Cell cell, Cell dense) {
        var estimate =
                new Estimate(
                        variant.values().orElseThrow(),
                        sparsity,
                        cell.bytes(),
                        cell.speed()
                                .map(it -> OptionalDouble.of(it.decodeTokensPerSecond()))
                                .orElse(OptionalDouble.empty()),
                        cell.perplexity() / dense.perplexity(),
                        true);
        made.put(estimate, variant);
        measured.put(variant, cell);
        return estimate;
    }

    /// The variant that comes nearest, where none keeps to the budget.
    String nearest() {
        Estimate nearest = forecast.nearest(budget);
        return "the nearest is %s with %s%s"
                .formatted(
                        nearest.name(),
                        budget.describe(nearest),
                        nearest.measured() ? "" : ", as predicted");
    }
}
