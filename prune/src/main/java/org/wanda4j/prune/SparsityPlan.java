package org.wanda4j.prune;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.prune.Allocation.BlockScores;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

/// The pattern of each linear.
///
/// Where sparsities differ, by allocation or because the recipe fixes some, those that are not fixed are shifted together
/// until the whole has the sparsity asked for.
final class SparsityPlan {

    private static final double HIGHEST = 0.999;
    private static final int BISECTIONS = 50;

    private final Map<Linear, Double> wanted = new HashMap<>();
    private final Map<Linear, Double> fixed = new HashMap<>();

    private SparsityPlan() {}

    /// @param blocks scores of the dense model by block; empty for [Allocation#UNIFORM]
    static Map<Linear, SparsityPattern> of(
            Architecture architecture,
            Recipe recipe,
            Set<Linear> chosen,
            List<BlockScores> blocks) {
        Map<Linear, SparsityPattern> patterns = new HashMap<>();
        if (recipe.allocation() == Allocation.UNIFORM && recipe.sparsityOf().isEmpty()) {
            chosen.forEach(linear -> patterns.put(linear, recipe.pattern()));
            return patterns;
        }
        SparsityPlan plan = new SparsityPlan();
        plan.fix(architecture, recipe, chosen);
        double asked = recipe.pattern().sparsity();
        double[] differences =
                blocks.isEmpty()
                        ? new double[architecture.blocks().size()]
                        : recipe.allocation().differences(blocks);
        for (int index = 0; index < differences.length; index++) {
            for (Linear linear : architecture.blocks().get(index).linears()) {
                if (chosen.contains(linear) && !plan.fixed.containsKey(linear)) {
                    plan.wanted.put(linear, asked + differences[index]);
                }
            }
        }
        double shift = plan.shiftTo(asked);
        plan.fixed.forEach((linear, sparsity) -> patterns.put(linear, new Unstructured(sparsity)));
        plan.wanted.forEach((linear, sparsity) ->
                patterns.put(linear, new Unstructured(clamp(sparsity + shift))));
        return patterns;
    }

    /// @throws InvalidInputException when the recipe's allocation does not go with its pattern
    static void check(Recipe recipe) {
        boolean varies =
                recipe.allocation() != Allocation.UNIFORM || !recipe.sparsityOf().isEmpty();
        if (varies && !(recipe.pattern() instanceof Unstructured)) {
            throw new InvalidInputException(
                    "pattern %s gives every linear the same sparsity; use --sparsity with --allocation and --sparsity-of"
                            .formatted(recipe.pattern()));
        }
    }

    private void fix(Architecture architecture, Recipe recipe, Set<Linear> chosen) {
        recipe.sparsityOf()
                .forEach((pattern, sparsity) ->
                        LinearFilter.matching(
                                        architecture.linears(), List.of(pattern), "--sparsity-of")
                                .stream()
                                .filter(chosen::contains)
                                .forEach(linear -> fixed.put(linear, sparsity)));
    }

    private double shiftTo(double asked) {
        double total = sum(fixed, 0, false) + sum(wanted, 0, false);
        double target = asked * total;
        double low = -1;
        double high = 1;
        for (int i = 0; i < BISECTIONS; i++) {
            double middle = (low + high) / 2;
            if (sum(fixed, 0, true) + sum(wanted, middle, true) < target) {
                low = middle;
            } else {
                high = middle;
            }
        }
        double reached = (sum(fixed, 0, true) + sum(wanted, high, true)) / total;
        if (Math.abs(reached - asked) > 0.001) {
            throw new InvalidInputException(
                    "a sparsity of %s cannot be reached with the sparsities that --sparsity-of fixes, only %.4f"
                            .formatted(asked, reached));
        }
        return high;
    }

    /// Weights of the linears, or how many of them are removed.
    private static double sum(Map<Linear, Double> linears, double shift, boolean removed) {
        return linears.entrySet().stream()
                .mapToDouble(entry -> {
                    Linear linear = entry.getKey();
                    double columns =
                            removed
                                    ? Math.floor(linear.inputs() * clamp(entry.getValue() + shift))
                                    : linear.inputs();
                    return columns * linear.outputs();
                })
                .sum();
    }

    private static double clamp(double sparsity) {
        return Math.clamp(sparsity, 0, HIGHEST);
    }
}
