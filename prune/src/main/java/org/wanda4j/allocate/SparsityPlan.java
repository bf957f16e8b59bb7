package org.wanda4j.allocate;

import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.wanda4j.allocate.Allocation.BlockScores;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

/// The pattern of each linear.
///
/// Where sparsities differ, by allocation or because the recipe fixes some, those that are not fixed are shifted together
/// until the whole has the sparsity asked for.
public final class SparsityPlan {

    private static final double HIGHEST = 0.999;
    private static final int BISECTIONS = 50;

    private final Map<Linear, Double> wanted = new LinkedHashMap<>();
    private final Map<Linear, Double> fixed = new LinkedHashMap<>();

    private SparsityPlan() {}

    /// How zeros are to be spread over the linears of a model.
    ///
    /// @param pattern of the whole
    /// @param sparsityOf sparsities that are fixed, by patterns (globs) of names; a later one overrules
    public record Request(
            SparsityPattern pattern,
            Allocation allocation,
            SequencedMap<String, Double> sparsityOf) {

        /// Checks that they go together.
        ///
        /// @throws InvalidInputException when the allocation does not go with the pattern
        public Request {
            if (varies(allocation, sparsityOf) && !(pattern instanceof Unstructured)) {
                throw new InvalidInputException(
                        "pattern %s gives every linear the same sparsity; use --sparsity with --allocation and --sparsity-of"
                                .formatted(pattern));
            }
        }

        private static boolean varies(Allocation allocation, Map<String, Double> sparsityOf) {
            return allocation != Allocation.UNIFORM || !sparsityOf.isEmpty();
        }

        boolean varies() {
            return varies(allocation, sparsityOf);
        }
    }

    /// The pattern of each linear.
    ///
    /// @param chosen linears to prune
    /// @param blocks scores of the dense model by block; empty for [Allocation#UNIFORM]
    /// @throws InvalidInputException when fixed sparsities leave no way to reach that of the whole
    public static Map<Linear, SparsityPattern> of(
            Architecture architecture,
            Request request,
            Set<Linear> chosen,
            List<BlockScores> blocks) {
        Map<Linear, SparsityPattern> patterns = new HashMap<>();
        if (!request.varies()) {
            chosen.forEach(linear -> patterns.put(linear, request.pattern()));
            return patterns;
        }
        SparsityPlan plan = new SparsityPlan();
        plan.fix(architecture, request, chosen);
        double asked = request.pattern().sparsity();
        double[] differences =
                blocks.isEmpty()
                        ? new double[architecture.blocks().size()]
                        : request.allocation().differences(blocks);
        for (int index = 0; index < differences.length; index++) {
            for (Linear linear : architecture.blocks().get(index).linears()) {
                if (chosen.contains(linear) && !plan.fixed.containsKey(linear)) {
                    plan.wanted.put(linear, asked + differences[index]);
                }
            }
        }
        plan.fixed.forEach((linear, sparsity) -> patterns.put(linear, new Unstructured(sparsity)));
        plan.columnsFor(asked)
                .forEach((linear, columns) -> patterns.put(linear, removing(columns, linear)));
        return patterns;
    }

    /// A sparsity of which `floor(inputs * sparsity)` is `columns`, rounding errors included.
    private static Unstructured removing(int columns, Linear linear) {
        return new Unstructured((double) columns / linear.inputs() + 1e-9);
    }

    private void fix(Architecture architecture, Request request, Set<Linear> chosen) {
        request.sparsityOf()
                .forEach((pattern, sparsity) ->
                        LinearFilter.matching(
                                        architecture.linears(), List.of(pattern), "--sparsity-of")
                                .stream()
                                .filter(chosen::contains)
                                .forEach(linear -> fixed.put(linear, sparsity)));
    }

    /// How many weights of each row go, where that is not fixed: the sparsities are shifted together as far as they may
    /// be, then a linear at a time gives one more.
    private Map<Linear, Integer> columnsFor(double asked) {
        double total = weights(fixed.keySet()) + weights(wanted.keySet());
        double target = asked * total - removed(fixed, 0);
        double low = -1;
        double high = 1;
        for (int i = 0; i < BISECTIONS; i++) {
            double middle = (low + high) / 2;
            if (removed(wanted, middle) <= target) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Map<Linear, Integer> columns = new LinkedHashMap<>();
        double left = target - removed(wanted, low);
        for (var entry : wanted.entrySet()) {
            Linear linear = entry.getKey();
            int count = columns(linear, entry.getValue() + low);
            boolean more = left >= linear.outputs() && count + 1 < HIGHEST * linear.inputs();
            left -= more ? linear.outputs() : 0;
            columns.put(linear, more ? count + 1 : count);
        }
        if (Math.abs(left) > 0.001 * total) {
            throw new InvalidInputException(
                    "a sparsity of %s cannot be reached with the sparsities that --sparsity-of fixes, only %.4f"
                            .formatted(asked, asked - left / total));
        }
        return columns;
    }

    private static double weights(Collection<Linear> linears) {
        return linears.stream()
                .mapToDouble(linear -> (double) linear.inputs() * linear.outputs())
                .sum();
    }

    private static double removed(Map<Linear, Double> linears, double shift) {
        return linears.entrySet().stream()
                .mapToDouble(entry ->
                        (double) columns(entry.getKey(), entry.getValue() + shift)
                                * entry.getKey().outputs())
                .sum();
    }

    private static int columns(Linear linear, double sparsity) {
        return (int) (linear.inputs() * Math.clamp(sparsity, 0, HIGHEST));
    }
}
