package org.wanda4j.method;

import java.lang.foreign.Arena;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Matrix;

/// The columns of a linear, left to right, in panels of about 128: within a panel a weight that is removed, or gets another
/// value, changes those to its right at once; what lies to the right of the panel is changed by one matrix product when the panel is done.
final class ObsSweep {

    private static final int PANEL = 128;
    private static final int ROWS_AT_ONCE = 128;

    private final Gram gram;
    private final int threads;
    private final Matrix weights;
    private final Matrix factor;
    private final Matrix errors;

    /// Does something with the columns `from` to `from + count - 1`.
    @FunctionalInterface
    interface PanelVisitor {
        void visit(int from, int count);
    }

    /// What becomes of a weight when its column's turn comes. Called from several threads, for a row from one.
    @FunctionalInterface
    interface Rule {

        /// @param from the panel's first column
        /// @param panel the row's weights in it, as updated so far
        /// @param j which of them
        /// @return its value from now on
        float settle(int row, int from, float[] panel, int j);
    }

    /// @param panel columns of a panel
    /// @param scratch memory of the sweep
    private ObsSweep(TensorView weight, Gram gram, int panel, int threads, Arena scratch) {
        this.gram = gram;
        this.threads = threads;
        this.factor = gram.inverseFactor().matrix();
        this.weights = Matrix.copyOf(weight, scratch);
        this.errors = Matrix.zeros(weights.rows(), panel, scratch);
    }

    /// Begins to prune: weights of inputs that were always zero go.
    ///
    /// @param scratch memory of the sweep
    static ObsSweep pruning(PruneTask task, Arena scratch) {
        var sweep =
                new ObsSweep(
                        task.weight(),
                        task.statistics().gram(),
                        panelWidth(task.pattern()),
                        task.threads(),
                        scratch);
        sweep.clearDeadInputs();
        return sweep;
    }

    /// Begins to round.
    ///
    /// @param scratch memory of the sweep
    static ObsSweep rounding(TensorView weight, Gram gram, int threads, Arena scratch) {
        return new ObsSweep(weight, gram, PANEL, threads, scratch);
    }

    /// Runs of an N:M pattern do not cross panels.
    private static int panelWidth(SparsityPattern pattern) {
        return pattern instanceof NofM(int _, int m) ? Math.max(PANEL / m, 1) * m : PANEL;
    }

    private void clearDeadInputs() {
        for (int column = 0; column < weights.columns(); column++) {
            if (gram.dead(column)) {
                for (int row = 0; row < weights.rows(); row++) {
                    weights.set(row, column, 0);
                }
            }
        }
    }

    /// As updated so far.
    Matrix weights() {
        return weights;
    }

    /// The columns of a panel, as updated so far.
    Matrix weights(int from, int count) {
        return weights.columns(from, count);
    }

    void forEachPanel(PanelVisitor visitor) {
        for (int from = 0; from < weights.columns(); from += errors.columns()) {
            visitor.visit(from, Math.min(errors.columns(), weights.columns() - from));
        }
    }

    /// Removes what the mask says of a panel.
    void remove(int from, int count, Mask mask) {
        settle(from, count, removing(mask));
    }

    /// Removes the `n` lowest of each run of `m` of a panel, and marks them.
    ///
    /// @param byColumn what a weight's size is multiplied with for its score, from the panel's first column on
    void remove(int from, int count, NofM runs, float[] byColumn, Mask mask) {
        Rule removing = removing(mask);
        settle(
                from,
                count,
                (row, first, panel, j) -> {
                    if (j % runs.m() == 0) {
                        markRun(runs, byColumn, row, first, panel, j, mask);
                    }
                    return removing.settle(row, first, panel, j);
                });
    }

    private static Rule removing(Mask mask) {
        return (row, from, panel, j) -> mask.get(row, from + j) ? 0 : panel[j];
    }

    /// Marks the lowest of the run that begins at column `j` of the panel.
    private static void markRun(
            NofM runs, float[] byColumn, int row, int from, float[] panel, int j, Mask mask) {
        float[] scores = new float[runs.m()];
        for (int k = 0; k < runs.m(); k++) {
            scores[k] = Math.abs(panel[j + k]) * byColumn[j + k];
        }
        long[] removed = new long[Math.ceilDiv(runs.m(), Long.SIZE)];
        Kernels.best().selector().markSmallest(scores, 0, runs.m(), runs.n(), removed, 0);
        for (int k = 0; k < runs.m(); k++) {
            if ((removed[k >>> 6] >>> k & 1) != 0) {
                mask.set(row, from + j + k);
            }
        }
    }

    /// Gives the weights of a panel other values, column by column.
    void settle(int from, int count, Rule rule) {
        var panel = new Panel(from, count, rule);
        RowWork.share(weights.rows(), ROWS_AT_ONCE, threads, panel::settleRows);
    }

    private final class Panel {

        private final int from;
        private final int count;
        private final Rule rule;
        private final float[][] panelFactor;

        Panel(int from, int count, Rule rule) {
            this.from = from;
            this.count = count;
            this.rule = rule;
            this.panelFactor = new float[count][count];
            for (int j = 0; j < count; j++) {
                factor.rows(from + j, 1).columns(from, count).read(0, panelFactor[j]);
            }
        }

        void settleRows(int first, int number) {
            Matrix panel = weights.columns(from, count);
            Matrix panelErrors = errors.columns(0, count);
            float[] row = new float[count];
            float[] error = new float[count];
            for (int i = first; i < first + number; i++) {
                panel.read(i, row);
                for (int j = 0; j < count; j++) {
                    float value = rule.settle(i, from, row, j);
                    error[j] = (row[j] - value) / panelFactor[j][j];
                    if (error[j] != 0) {
                        subtract(row, error[j], panelFactor[j], j + 1);
                    }
                    row[j] = value;
                }
                panel.write(i, row);
                panelErrors.write(i, error);
            }
            int right = weights.columns() - from - count;
            if (right > 0) {
                weights.columns(from + count, right)
                        .rows(first, number)
                        .addProduct(
                                1,
                                -1,
                                panelErrors.rows(first, number),
                                factor.rows(from, count).columns(from + count, right));
            }
        }

        private static void subtract(float[] row, float error, float[] factor, int from) {
            for (int k = from; k < row.length; k++) {
                row[k] -= error * factor[k];
            }
        }
    }
}
