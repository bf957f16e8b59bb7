package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.Arrays;
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
/// does `Z = mask(W' + U)`, `U <- U + W' - Z`, `W' = (W d G + Z - U) (G + I)^-1`. The result is `(W' + U) * mask / d`. In
/// round k of the first [#growing()] the mask has the sparsity `s (1 - (1 - k / growing)^3)`; `|W'|` is Wanda's score.
///
/// Computed as `W' = W d + (Z - U - W d) (G + I)^-1`, which is the same: what is multiplied is as small as what is removed,
/// and the factor shrinks it, so that bf16 is exact enough for the product.
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

    /// A product each round.
    @Override
    public double operations(long outputs, long inputs) {
        return 2.0 * rounds * (double) outputs * inputs * inputs;
    }

    @Override
    public int choices() {
        return growing;
    }

    @Override
    public int copies() {
        return 3;
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
        private final Matrix change;
        private final float[] ones;

        /// `dense` is W d, `sum` W' + U, `change` what the inverse is multiplied with.
        Fit(Task task, Arena scratch) {
            this.task = task;
            this.inputs = task.statistics().gram().normalised(damping);
            this.dense = Matrix.copyOf(task.weight(), scratch);
            this.sum = Matrix.zeros(dense.rows(), dense.columns(), scratch);
            this.change = Matrix.zeros(dense.rows(), dense.columns(), scratch);
            this.ones = new float[dense.columns()];
            Arrays.fill(ones, 1);
        }

        TensorView run() {
            share(this::begin);
            Mask mask = choose(1);
            for (int round = 1; round <= rounds; round++) {
                Mask current = mask;
                share((first, count) -> round(current, first, count));
                if (round < growing) {
                    mask = choose(round + 1);
                }
            }
            Mask last = mask;
            share((first, count) -> finish(last, first, count));
            return task.updated(sum);
        }

        private void share(RowWork.Rows work) {
            RowWork.share(dense.rows(), ROWS_AT_ONCE, task.threads(), work);
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
                dense.write(i, row);
                sum.write(i, row);
            }
        }

        private void round(Mask mask, int first, int count) {
            float[] w = new float[dense.columns()];
            float[] a = new float[w.length];
            float[] c = new float[w.length];
            float[] kept = new float[w.length];
            for (int i = first; i < first + count; i++) {
                dense.read(i, w);
                sum.read(i, a);
                mask.kept(i, kept);
                step(w, kept, a, c);
                sum.write(i, a);
                change.write(i, c);
            }
            inputs.inverse().addProduct(change.rows(first, count), sum.rows(first, count));
        }

        /// Of a row, from `W' + U` to what the product is added to, and what is multiplied.
        private static void step(float[] w, float[] kept, float[] a, float[] c) {
            for (int j = 0; j < w.length; j++) {
                float z = a[j] * kept[j];
                float u = a[j] - z;
                a[j] = w[j] + u;
                c[j] = z - a[j];
            }
        }

        private void finish(Mask mask, int first, int count) {
            float[] row = new float[sum.columns()];
            float[] kept = new float[row.length];
            for (int i = first; i < first + count; i++) {
                sum.read(i, row);
                mask.kept(i, kept);
                for (int j = 0; j < row.length; j++) {
                    row[j] = kept[j] == 0 ? 0 : row[j] / inputs.scale()[j];
                }
                sum.write(i, row);
            }
        }
    }
}
