package org.wanda4j.compare;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.compare.LossCurve.Point;

/// What variants of a model are, predicted from a few that were measured:
///
/// - size: of a sparse model linear in the sparsity, with a slope of `bits / 8` for each weight; at most the dense one's;
/// - time of a token: linear between the sparsities at which it was measured, the dense model apart;
/// - logarithm of the perplexity over the dense model's: that of pruning, [LossCurve], plus that of rounding, the dense model's
///   in the same type. (SmolLM2 at 50 %, `admm`: int4 adds 0.40 to the sparse model, 0.42 to the dense one.)
public final class Forecast {

    /// Beyond, nothing is left of a model that was pruned after training.
    public static final double LARGEST_SPARSITY = 0.8;

    private final double weights;
    private final Map<ValueType, Probes> types = new LinkedHashMap<>();
    private final List<Point> pruned = new ArrayList<>();
    private final List<Point> made = new ArrayList<>();
    private final List<Estimate> measured = new ArrayList<>();
    private double gain = 1;

    /// What was measured of a type.
    private static final class Probes {
        private double denseBytes;
        private double sparseBytes;
        private double sparsity;
        private double rounding;
        private double denseSeconds;
        private final TreeMap<Double, Double> sparseSeconds = new TreeMap<>();
    }

    /// @param weights in the linears that are pruned
    public Forecast(long weights) {
        this.weights = weights;
    }

    private Probes probes(ValueType type) {
        return types.computeIfAbsent(type, _ -> new Probes());
    }

    /// Enters the size of the dense model in a type, and that of one with zeros.
    public void sizes(ValueType type, long dense, double sparsity, long sparse) {
        Probes probes = probes(type);
        probes.denseBytes = dense;
        probes.sparsity = sparsity;
        probes.sparseBytes = sparse;
    }

    /// Enters a speed, in tokens/s.
    public void decode(ValueType type, double sparsity, double tokensPerSecond) {
        if (sparsity == 0) {
            probes(type).denseSeconds = 1 / tokensPerSecond;
        } else {
            probes(type).sparseSeconds.put(sparsity, 1 / tokensPerSecond);
        }
    }

    /// Enters the dense model in a type, as it was measured.
    public void dense(Estimate estimate) {
        probes(estimate.values()).rounding = Math.log(estimate.ratio());
        measured.add(estimate);
    }

    /// Enters what pruning alone costs.
    ///
    /// @param gain what of the loss is left by the recipe that models will be made by, where that is a better one
    public void pruned(double sparsity, double ratio, double gain) {
        pruned.add(new Point(sparsity, Math.log(ratio)));
        this.gain = gain;
    }

    /// Enters a model that was made to be chosen, as it was measured.
    public void made(Estimate estimate) {
        double loss = Math.log(estimate.ratio()) - probes(estimate.values()).rounding;
        made.add(new Point(estimate.sparsity(), loss));
        measured.add(estimate);
    }

    /// The best variant that keeps to a budget, as far as is known: predicted, or measured.
    public Optional<Estimate> best(Budget budget) {
        return candidates(budget).stream()
                .filter(budget::holds)
                .min(Comparator.comparingDouble(budget::loss).thenComparingDouble(Estimate::bytes));
    }

    /// The best variant that was measured and keeps to a budget.
    public Optional<Estimate> bestMeasured(Budget budget) {
        return measured.stream()
                .filter(budget::holds)
                .min(Comparator.comparingDouble(budget::loss).thenComparingDouble(Estimate::bytes));
    }

    /// Of each type the best variant that keeps to a budget, the best first; what they are chosen from.
    public List<Estimate> bestOfTypes(Budget budget) {
        return types.keySet().stream()
                .flatMap(type ->
                        candidates(budget).stream()
                                .filter(each -> each.values() == type && budget.holds(each))
                                .filter(each -> Double.isFinite(each.ratio()))
                                .min(Comparator.comparingDouble(budget::loss))
                                .stream())
                .sorted(Comparator.comparingDouble(budget::loss))
                .toList();
    }

    /// The variant that comes nearest to a budget that none keeps to.
    public Estimate nearest(Budget budget) {
        return budget.nearest(candidates(budget));
    }

    /// Every variant: of each type the dense one, and one at every step of sparsity.
    private List<Estimate> candidates(Budget budget) {
        List<Estimate> all = new ArrayList<>(measured);
        long steps = Math.round(LARGEST_SPARSITY / budget.step());
        for (ValueType type : types.keySet()) {
            for (long i = 0; i <= steps; i++) {
                double sparsity = Math.round(i * budget.step() * 100) / 100.0;
                if (measured.stream()
                        .noneMatch(it -> it.values() == type && it.sparsity() == sparsity)) {
                    all.add(predict(type, sparsity));
                }
            }
        }
        return all;
    }

    /// The dense model's loss of quality is not predicted.
    private Estimate predict(ValueType type, double sparsity) {
        Probes probes = probes(type);
        if (sparsity == 0) {
            return new Estimate(
                    type,
                    0,
                    probes.denseBytes,
                    probes.denseSeconds == 0
                            ? OptionalDouble.empty()
                            : OptionalDouble.of(1 / probes.denseSeconds),
                    Double.POSITIVE_INFINITY,
                    false);
        }
        double bytes =
                probes.sparseBytes
                        + (probes.sparsity - sparsity) * weights * type.bits() / Byte.SIZE;
        return new Estimate(
                type,
                sparsity,
                Math.min(bytes, probes.denseBytes),
                probes.sparseSeconds.isEmpty()
                        ? OptionalDouble.empty()
                        : OptionalDouble.of(1 / seconds(probes, sparsity)),
                Math.exp(loss(sparsity) + probes.rounding),
                false);
    }

    /// Without limit as long as no pruned model was measured.
    private double loss(double sparsity) {
        if (pruned.isEmpty() && made.isEmpty()) {
            return Double.POSITIVE_INFINITY;
        }
        return made.isEmpty()
                ? gain * LossCurve.through(pruned).at(sparsity)
                : LossCurve.through(made).at(sparsity);
    }

    /// Of a token: on the line through the two measured sparsities that are nearest.
    private static double seconds(Probes probes, double sparsity) {
        TreeMap<Double, Double> points = probes.sparseSeconds;
        if (points.size() == 1) {
            return points.firstEntry().getValue();
        }
        Double low = points.floorKey(sparsity);
        if (low == null) {
            low = points.firstKey();
        }
        if (low.equals(points.lastKey())) {
            low = points.lowerKey(low);
        }
        Double high = points.higherKey(low);
        double part = (sparsity - low) / (high - low);
        double line = points.get(low) + part * (points.get(high) - points.get(low));
        return Math.max(line, points.lastEntry().getValue() / 2);
    }
}
