package org.wanda4j.method;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Optional;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.RowSelector;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.torch.Matrix;

/// The columns of a linear, left to right, in panels of about 128: within a panel a removed weight changes those to its
/// right at once; what lies to the right of the panel is changed by one matrix product when the panel is done.
final class ObsSweep {

    private static final int PANEL = 128;
    private static final int ROWS_AT_ONCE = 128;

    private final PruneTask task;
    private final Mask mask;
    private final Matrix weights;
    private final Matrix factor;
    private final Matrix errors;

    /// Does something with the columns `from` to `from + count - 1`.
    @FunctionalInterface
    interface PanelVisitor {
        void visit(int from, int count);
    }

    /// @param mask which weights are removed; read, and in [#remove(int, int, NofM, float[])] written, a panel at a time
    /// @param scratch memory of the sweep
    ObsSweep(PruneTask task, Mask mask, Arena scratch) {
        this.task = task;
        this.mask = mask;
        this.factor = task.statistics().gram().inverseFactor().matrix();
        this.weights = Matrix.copyOf(task.weight(), scratch);
        this.errors = Matrix.zeros(weights.rows(), panelWidth(task.pattern()), scratch);
        clearDeadInputs();
    }

    /// Runs of an N:M pattern do not cross panels.
    private static int panelWidth(SparsityPattern pattern) {
        return pattern instanceof NofM(int _, int m) ? Math.max(PANEL / m, 1) * m : PANEL;
    }

    private void clearDeadInputs() {
        for (int column = 0; column < weights.columns(); column++) {
            if (task.statistics().gram().dead(column)) {
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

    /// Adds what is removed of the panel from `from` on to the mask.
    void mark(int from, Mask ofPanel) {
        for (int row = 0; row < ofPanel.rows(); row++) {
            for (int j = 0; j < ofPanel.columns(); j++) {
                if (ofPanel.get(row, j)) {
                    mask.set(row, from + j);
                }
            }
        }
    }

    /// Removes what the mask says of a panel.
    void remove(int from, int count) {
        remove(new Panel(from, count, Optional.empty()));
    }

    /// Removes the `n` lowest of each run of `m` of a panel, and marks them.
    ///
    /// @param byColumn what a weight's size is multiplied with for its score
    void remove(int from, int count, NofM runs, float[] byColumn) {
        remove(new Panel(from, count, Optional.of(new RunChoice(runs.n(), runs.m(), byColumn))));
    }

    private void remove(Panel panel) {
        RowWork.share(weights.rows(), ROWS_AT_ONCE, task.threads(), panel::removeOfRows);
    }

    private record RunChoice(int n, int m, float[] byColumn) {}

    private final class Panel {

        private final int from;
        private final int count;
        private final Optional<RunChoice> choice;
        private final float[][] panelFactor;

        Panel(int from, int count, Optional<RunChoice> choice) {
            this.from = from;
            this.count = count;
            this.choice = choice;
            this.panelFactor = new float[count][count];
            for (int j = 0; j < count; j++) {
                factor.rows(from + j, 1).columns(from, count).read(0, panelFactor[j]);
            }
        }

        void removeOfRows(int first, int number) {
            RowSelector selector = Kernels.best().selector();
            Matrix panel = weights.columns(from, count);
            Matrix panelErrors = errors.columns(0, count);
            float[] row = new float[count];
            float[] error = new float[count];
            float[] scores = new float[count];
            long[] removed = new long[Math.ceilDiv(count, Long.SIZE)];
            for (int i = first; i < first + number; i++) {
                panel.read(i, row);
                for (int j = 0; j < count; j++) {
                    if (choice.isPresent() && j % choice.get().m() == 0) {
                        markRun(i, j, row, scores, removed, selector);
                    }
                    error[j] = 0;
                    if (mask.get(i, from + j)) {
                        error[j] = row[j] / panelFactor[j][j];
                        subtract(row, error[j], panelFactor[j], j + 1);
                        row[j] = 0;
                    }
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

        /// Marks the lowest of the run that begins at column `j` of the panel.
        private void markRun(
                int i, int j, float[] row, float[] scores, long[] removed, RowSelector selector) {
            RunChoice runs = choice.orElseThrow();
            for (int k = j; k < j + runs.m(); k++) {
                scores[k] = Math.abs(row[k]) * runs.byColumn()[k];
            }
            Arrays.fill(removed, 0);
            selector.markSmallest(scores, j, j + runs.m(), runs.n(), removed, 0);
            for (int k = j; k < j + runs.m(); k++) {
                if ((removed[k >>> 6] >>> k & 1) != 0) {
                    mask.set(i, from + k);
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
