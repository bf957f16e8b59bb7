package org.wanda4j.method;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Matrix;

/// The matrices of [Admm], outputs x inputs each, and what a round does with their rows.
///
/// Computed as `W' = W d + (Z - U - W d) (G + I)^-1`, which is the same as the formula: what is multiplied is as small as
/// what is removed, and the factor shrinks it, so that bf16 is exact enough for the product.
final class AdmmFit {

    private static final int ROWS_AT_ONCE = 256;

    private final PruneTask task;
    private final Gram.Normalised inputs;

    /// W d
    private final Matrix dense;

    /// W' + U
    private final Matrix sum;

    /// What the inverse is multiplied with.
    private final Matrix change;

    private final float[] ones;

    /// Begins with W' = W d, U = 0.
    AdmmFit(PruneTask task, double damping, Arena scratch) {
        this.task = task;
        this.inputs = task.statistics().gram().normalised(damping);
        this.dense = Matrix.copyOf(task.weight(), scratch);
        this.sum = Matrix.zeros(dense.rows(), dense.columns(), scratch);
        this.change = Matrix.zeros(dense.rows(), dense.columns(), scratch);
        this.ones = new float[dense.columns()];
        Arrays.fill(ones, 1);
        share(this::begin);
    }

    /// `W' + U`, and the result after [#finish].
    Matrix sum() {
        return sum;
    }

    /// Which weights go by `|W' + U|`.
    Mask mask(Selection selection, SparsityPattern pattern) {
        return selection.select(new MatrixScores(sum, ones), pattern, task.threads());
    }

    void round(Mask mask) {
        share((first, count) -> round(mask, first, count));
    }

    /// `(W' + U) * mask / d`
    void finish(Mask mask) {
        share((first, count) -> finish(mask, first, count));
    }

    private void share(RowWork.Rows work) {
        RowWork.share(dense.rows(), ROWS_AT_ONCE, task.threads(), work);
    }

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
