package org.wanda4j.allocate;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.wanda4j.calibrate.Statistic;

/// How the sparsity asked for is spread over the blocks.
public enum Allocation {

    /// The same everywhere.
    UNIFORM(0) {
        @Override
        double importance(BlockScores scores) {
            return 0;
        }
    },

    /// Less where more scores stand out (OWL, Yin et al., ICML 2024): by the share of Wanda's scores above 5 times their
    /// mean, within 8 % of the sparsity asked for.
    OWL(0.08) {
        @Override
        double importance(BlockScores scores) {
            return scores.outlierShare();
        }
    },

    /// Less where the median score is lower (DLP, Chen et al., ICML 2025), within 15 % of the sparsity asked for.
    DLP(0.15) {
        @Override
        double importance(BlockScores scores) {
            return -scores.median();
        }
    },

    /// Less where removing half of the weights changes less of what linears give (LSA, Yang et al., ICLR 2026), within 17 % of the sparsity
    /// asked for: deep blocks, whose inputs are larger, lose more.
    LSA(0.17) {
        @Override
        double importance(BlockScores scores) {
            return -scores.removalError();
        }

        @Override
        public Statistic needed() {
            return Statistic.GRAM;
        }
    };

    private final double spread;

    /// What is known of a block of the dense model.
    ///
    /// @param outlierShare fraction of Wanda's scores of all linears that exceeds 5 times their mean
    /// @param median of these scores
    /// @param removalError the sum of [RemovalError] over all linears; 0 where no Gram matrices were asked for
    public record BlockScores(double outlierShare, double median, double removalError) {}

    Allocation(double spread) {
        this.spread = spread;
    }

    /// What must be collected of the inputs of the dense model's linears.
    public Statistic needed() {
        return Statistic.INPUT_NORMS;
    }

    /// How much of a block should stay, on any scale.
    abstract double importance(BlockScores scores);

    /// For each block how much its sparsity differs from the mean: the importances are scaled to an interval of twice the
    /// spread, and the most important block keeps the most.
    double[] differences(List<BlockScores> blocks) {
        double[] kept = blocks.stream().mapToDouble(this::importance).toArray();
        double lowest = Arrays.stream(kept).min().orElse(0);
        double range = Arrays.stream(kept).max().orElse(0) - lowest;
        for (int i = 0; i < kept.length; i++) {
            kept[i] = range == 0 ? 0 : (kept[i] - lowest) / range * 2 * spread;
        }
        double mean = Arrays.stream(kept).average().orElse(0);
        for (int i = 0; i < kept.length; i++) {
            kept[i] = mean - kept[i];
        }
        return kept;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
