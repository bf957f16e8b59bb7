package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.RowSelector;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.torch.Matrix;

/// Removes column after column, and has the columns to the right make up for it (SparseGPT, Frantar & Alistarh, 2023).
///
/// With `U` the upper Cholesky factor of the inverse Hessian, removing `w_j` of a row leaves `e = w_j / U_jj`, and
/// `w_k <- w_k - e U_jk` for all `k > j`. Columns are swept in panels of about 128; what lies to the right of a panel is
/// updated by one matrix product when the panel is done.
///
/// @param choice when it is decided what to remove
public record ObsSweep(Choice choice) implements WeightUpdate {

    private static final int PANEL = 128;
    private static final int ROWS_AT_ONCE = 128;

    /// When it is decided what to remove.
    public enum Choice {
        /// By the weights as they were, before the sweep.
        AT_ONCE,
        /// By the weights as the sweep has updated them: a panel at its start, a run of N:M at its first column.
        AS_SWEPT
    }

    @Override
    public Statistic needs() {
        return Statistic.GRAM;
    }

    @Override
    public String cost() {
        return "a Cholesky factor and a sweep";
    }

    /// A Cholesky factor (n^3 / 3) and the inverse of that triangle.
    @Override
    public double sharedOperations(long inputs) {
        return 2.0 / 3 * Math.pow((double) inputs, 3);
    }

    /// Each weight changes all to its right.
    @Override
    public double operations(long outputs, long inputs) {
        return (double) outputs * inputs * inputs;
    }

    @Override
    public int copies() {
        return 1;
    }

    @Override
    public TensorView apply(Task task) {
        try (Arena scratch = Arena.ofShared()) {
            Matrix weights = Matrix.copyOf(task.weight(), scratch);
            clearDeadInputs(weights, task.statistics());
            Optional<Mask> whole =
                    choice == Choice.AT_ONCE
                            ? Optional.of(
                                    task.selection()
                                            .select(
                                                    task.importance()
                                                            .score(
                                                                    task.weight(),
                                                                    task.statistics()),
                                                    task.pattern(),
                                                    task.threads()))
                            : Optional.empty();
            Matrix errors = Matrix.zeros(weights.rows(), panelWidth(task.pattern()), scratch);
            for (int from = 0; from < weights.columns(); from += errors.columns()) {
                int count = Math.min(errors.columns(), weights.columns() - from);
                Sweep sweep =
                        new Sweep(task, weights, errors.columns(0, count), from, count, whole);
                RowWork.share(weights.rows(), ROWS_AT_ONCE, task.threads(), sweep::rows);
            }
            return task.updated(weights);
        }
    }

    /// Runs of an N:M pattern do not cross panels.
    private static int panelWidth(SparsityPattern pattern) {
        return pattern instanceof NofM(int _, int m) ? Math.max(PANEL / m, 1) * m : PANEL;
    }

    private static void clearDeadInputs(Matrix weights, InputStatistics statistics) {
        for (int column = 0; column < weights.columns(); column++) {
            if (statistics.gram().dead(column)) {
                for (int row = 0; row < weights.rows(); row++) {
                    weights.set(row, column, 0);
                }
            }
        }
    }

    /// One panel: columns `from` to `from + count - 1`.
    private static final class Sweep {

        private final Task task;
        private final Matrix weights;
        private final Matrix errors;
        private final Matrix factor;
        private final int from;
        private final int count;
        private final float[] byColumn;
        private final float[][] panelFactor;
        private final Optional<Mask> whole;
        private final Optional<Mask> ofPanel;

        Sweep(Task task, Matrix weights, Matrix errors, int from, int count, Optional<Mask> whole) {
            this.task = task;
            this.weights = weights;
            this.errors = errors;
            this.factor = task.statistics().gram().inverseFactor().matrix();
            this.from = from;
            this.count = count;
            this.whole = whole;
            this.byColumn = whole.isPresent() ? new float[0] : columns();
            this.panelFactor = new float[count][count];
            for (int j = 0; j < count; j++) {
                factor.rows(from + j, 1).columns(from, count).read(0, panelFactor[j]);
            }
            this.ofPanel =
                    whole.isEmpty() && task.pattern() instanceof SparsityPattern.Unstructured
                            ? Optional.of(
                                    task.selection()
                                            .select(
                                                    new MatrixScores(
                                                            weights.columns(from, count), byColumn),
                                                    task.pattern(),
                                                    task.threads()))
                            : Optional.empty();
        }

        private float[] columns() {
            if (task.importance() instanceof ColumnImportance importance) {
                float[] all = importance.columns(task.statistics(), weights.columns());
                return java.util.Arrays.copyOfRange(all, from, from + count);
            }
            throw new IllegalArgumentException(
                    "weights are chosen during a sweep by an importance of the form |W_ij| * c_j");
        }

        void rows(int first, int number) {
            RowSelector selector = Kernels.best().selector();
            Matrix panel = weights.columns(from, count);
            float[] row = new float[count];
            float[] error = new float[count];
            float[] scores = new float[count];
            long[] removed = new long[Math.ceilDiv(count, Long.SIZE)];
            for (int i = first; i < first + number; i++) {
                panel.read(i, row);
                loadMask(i, removed);
                for (int j = 0; j < count; j++) {
                    if (whole.isEmpty()
                            && task.pattern() instanceof NofM(int n, int m)
                            && j % m == 0) {
                        for (int k = j; k < j + m; k++) {
                            scores[k] = Math.abs(row[k]) * byColumn[k];
                        }
                        selector.markSmallest(scores, j, j + m, n, removed, 0);
                    }
                    error[j] = 0;
                    if ((removed[j >>> 6] >>> j & 1) != 0) {
                        error[j] = row[j] / panelFactor[j][j];
                        subtract(row, error[j], panelFactor[j], j + 1);
                        row[j] = 0;
                    }
                }
                panel.write(i, row);
                errors.write(i, error);
            }
            int right = weights.columns() - from - count;
            if (right > 0) {
                weights.columns(from + count, right)
                        .rows(first, number)
                        .addProduct(
                                1,
                                -1,
                                errors.rows(first, number),
                                factor.rows(from, count).columns(from + count, right));
            }
        }

        private void loadMask(int row, long[] removed) {
            java.util.Arrays.fill(removed, 0);
            ofPanel.ifPresent(mask -> copyBits(mask, row, 0, removed));
            whole.ifPresent(mask -> copyBits(mask, row, from, removed));
        }

        private void copyBits(Mask mask, int row, int start, long[] removed) {
            for (int j = 0; j < count; j++) {
                if (mask.get(row, start + j)) {
                    removed[j >>> 6] |= 1L << j;
                }
            }
        }

        private static void subtract(float[] row, float error, float[] factor, int from) {
            for (int k = from; k < row.length; k++) {
                row[k] -= error * factor[k];
            }
        }
    }
}
