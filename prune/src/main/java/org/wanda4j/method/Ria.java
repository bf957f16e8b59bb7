package org.wanda4j.method;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Kernels;

/// Relative importance and activations (Zhang et al., ICLR 2024, eq. 6):
/// `(|W_ij| / sum_i |W_ij| + |W_ij| / sum_j |W_ij|) * ||X_j||_2^0.5`; for an N:M pattern with a [ChannelPermutation].
public record Ria() implements Importance {

    @Override
    public Statistic needs() {
        return Statistic.INPUT_NORMS;
    }

    @Override
    public boolean permutesChannels() {
        return true;
    }

    @Override
    public Scores score(TensorView weight, InputStatistics statistics) {
        double[] columnSums = new double[weight.columns()];
        double[] rowSums = new double[weight.rows()];
        Scores sizes = Scores.abs(weight);
        float[] row = new float[weight.columns()];
        for (int i = 0; i < rowSums.length; i++) {
            sizes.row(i, row);
            for (int j = 0; j < row.length; j++) {
                rowSums[i] += row[j];
                columnSums[j] += row[j];
            }
        }
        return new RelativeScores(weight, inverse(rowSums), inverse(columnSums), roots(statistics));
    }

    /// `|W_ij| * (byRow[i] + byColumn[j]) * activation[j]`
    private record RelativeScores(
            TensorView weight, double[] byRow, double[] byColumn, double[] activation)
            implements Scores {

        @Override
        public int rows() {
            return byRow.length;
        }

        @Override
        public int columns() {
            return byColumn.length;
        }

        @Override
        public void row(int row, float[] into) {
            float[] factors = new float[byColumn.length];
            for (int j = 0; j < factors.length; j++) {
                factors[j] = (float) ((byRow[row] + byColumn[j]) * activation[j]);
            }
            new WeightScores(weight, factors, Kernels.best().weights()).row(row, into);
        }
    }

    /// 0 for 0: such a row or column holds zeros alone, whose score is 0.
    private static double[] inverse(double[] sums) {
        double[] inverse = new double[sums.length];
        for (int i = 0; i < sums.length; i++) {
            inverse[i] = sums[i] == 0 ? 0 : 1 / sums[i];
        }
        return inverse;
    }

    private static double[] roots(InputStatistics statistics) {
        double[] roots = new double[statistics.norms().length];
        for (int j = 0; j < roots.length; j++) {
            roots[j] = Math.sqrt(statistics.norms()[j]);
        }
        return roots;
    }
}
