package org.wanda4j.prune;

import java.lang.foreign.Arena;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Matrix;

/// Alternating directions (Boza, 2024): the weights that stay are fitted to the dense linear's output, while the mask
/// grows.
///
/// With `G = X^T X` scaled to a diagonal of ones and damped, and `W' = W d` with `d` the root of G's diagonal, each round
/// does `Z = mask(W' + U)`, `U <- U + W' - Z`, `W' = (W G + Z - U) (G + I)^-1`. The result is `(W' + U) * mask / d`. In
/// round k of the first [#growing()] the mask has the sparsity `s (1 - (1 - k / growing)^3)`; `|W'|` is Wanda's score.
///
/// @param rounds in all
/// @param growing rounds until the mask is complete, after which it stays
/// @param damping added to the diagonal of ones
public record Admm(int rounds, int growing, double damping) implements WeightUpdate {

    private static final int ROWS_AT_ONCE = 256;

    @Override
    public Statistic needs() {
        return Statistic.GRAM;
    }

    @Override
    public String cost() {
        return "an inverse and " + rounds + " products";
    }

    /// A Cholesky factor (n^3 / 3) and the inverse from it (2 n^3 / 3).
    @Override
    public double sharedOperations(long inputs) {
        return Math.pow((double) inputs, 3);
    }

    /// A product to begin with, and one each round.
    @Override
    public double operations(long outputs, long inputs) {
        return 2.0 * (rounds + 1) * (double) outputs * inputs * inputs;
    }

    @Override
    public int choices() {
        return growing;
    }

    @Override
    public int copies() {
        return 5;
    }

    @Override
    public TensorView apply(Task task) {
        try (Arena scratch = Arena.ofShared()) {
            return new Fit(task, scratch).run();
        }
    }

    /// All matrices are outputs x inputs.
    private final class Fit {

        private final Task task;
        private final Gram.Normalised inputs;
        private final Matrix dense;
        private final Matrix sum;
        private final Matrix dual;
        private final Matrix target;
        private final Matrix right;
        private final float[] ones;

        /// `sum` is W' + U, `dual` U, `target` W G, `right` the right-hand side of a round.
        Fit(Task task, Arena scratch) {
            this.task = task;
            this.inputs = task.statistics().gram().normalised(damping);
            this.dense = Matrix.copyOf(task.weight(), scratch);
            int rows = dense.rows();
            int columns = dense.columns();
            this.sum = Matrix.zeros(rows, columns, scratch);
            this.dual = Matrix.zeros(rows, columns, scratch);
            this.target = Matrix.zeros(rows, columns, scratch);
            this.right = Matrix.zeros(rows, columns, scratch);
            this.ones = new float[columns];
            java.util.Arrays.fill(ones, 1);
        }

        TensorView run() {
            RowWork.share(dense.rows(), ROWS_AT_ONCE, task.threads(), this::begin);
            Mask mask = choose(1);
            for (int round = 1; round <= rounds; round++) {
                Mask current = mask;
                RowWork.share(
                        dense.rows(),
                        ROWS_AT_ONCE,
                        task.threads(),
                        (first, count) -> round(current, first, count));
                if (round < growing) {
                    mask = choose(round + 1);
                }
            }
            Mask last = mask;
            RowWork.share(
                    dense.rows(),
                    ROWS_AT_ONCE,
                    task.threads(),
                    (first, count) -> finish(last, first, count));
            return task.rounded(dense);
        }

        private Mask choose(int round) {
            double left = 1 - (double) Math.min(round, growing) / growing;
            double share = 1 - left * left * left;
            return task.selection()
                    .select(
                            new MatrixScores(sum, ones),
                            grown(task.pattern(), share),
                            task.threads());
        }

        private static SparsityPattern grown(SparsityPattern pattern, double share) {
            return pattern instanceof Unstructured(double sparsity)
                    ? new Unstructured(sparsity * share)
                    : pattern;
        }

        /// W' = W d, U = 0.
        private void begin(int first, int count) {
            float[] row = new float[dense.columns()];
            for (int i = first; i < first + count; i++) {
                dense.read(i, row);
                for (int j = 0; j < row.length; j++) {
                    row[j] = task.statistics().gram().dead(j) ? 0 : row[j] * inputs.scale()[j];
                }
                sum.write(i, row);
            }
            target.rows(first, count).addProduct(0, 1, sum.rows(first, count), inputs.matrix());
        }

        private void round(Mask mask, int first, int count) {
            float[] a = new float[dense.columns()];
            float[] u = new float[a.length];
            float[] t = new float[a.length];
            float[] kept = new float[a.length];
            for (int i = first; i < first + count; i++) {
                sum.read(i, a);
                target.read(i, t);
                keep(mask, i, kept);
                for (int j = 0; j < a.length; j++) {
                    float z = a[j] * kept[j];
                    u[j] = a[j] - z;
                    t[j] += z - u[j];
                }
                dual.write(i, u);
                right.write(i, t);
            }
            Matrix sums = sum.rows(first, count);
            sums.copy(dual.rows(first, count));
            sums.addProduct(1, 1, right.rows(first, count), inputs.inverse());
        }

        private void finish(Mask mask, int first, int count) {
            float[] row = new float[dense.columns()];
            float[] kept = new float[row.length];
            for (int i = first; i < first + count; i++) {
                sum.read(i, row);
                keep(mask, i, kept);
                for (int j = 0; j < row.length; j++) {
                    row[j] = kept[j] == 0 ? 0 : row[j] / inputs.scale()[j];
                }
                dense.write(i, row);
            }
        }

        /// 1 for each weight that stays, 0 for the others.
        private void keep(Mask mask, int row, float[] kept) {
            for (int j = 0; j < kept.length; j++) {
                kept[j] = mask.get(row, j) ? 0 : 1;
            }
        }
    }
}
