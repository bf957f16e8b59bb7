package org.wanda4j.method;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.wanda4j.torch.Matrix;

/// How far the output of a linear is off with other weights: `||X (Q - W)^T||^2 / ||X W^T||^2`.
final class OutputError {

    private static final int ROWS_AT_ONCE = 64;

    private OutputError() {}

    /// @param original W, outputs x inputs; 0 is the error where its output is zero
    /// @param other Q
    /// @param gram `X^T X`, times any number
    static double of(Matrix original, Matrix other, Matrix gram, int threads) {
        int chunks = Math.ceilDiv(original.rows(), ROWS_AT_ONCE);
        double[] errors = new double[chunks];
        double[] whole = new double[chunks];
        RowWork.share(
                original.rows(),
                ROWS_AT_ONCE,
                threads,
                (first, count) -> {
                    try (Arena scratch = Arena.ofConfined()) {
                        Matrix w = Matrix.zeros(count, original.columns(), scratch);
                        Matrix q = Matrix.zeros(count, original.columns(), scratch);
                        w.copy(original.rows(first, count));
                        q.copy(other.rows(first, count));
                        q.add(w, -1);
                        errors[first / ROWS_AT_ONCE] = energy(q, gram, scratch);
                        whole[first / ROWS_AT_ONCE] = energy(w, gram, scratch);
                    }
                });
        double all = Arrays.stream(whole).sum();
        return all == 0 ? 0 : Arrays.stream(errors).sum() / all;
    }

    /// The sum of `w^T G w` over the rows.
    private static double energy(Matrix rows, Matrix gram, Arena scratch) {
        Matrix product = Matrix.zeros(rows.rows(), rows.columns(), scratch);
        product.addProduct(0, 1, rows, gram);
        float[] w = new float[rows.columns()];
        float[] p = new float[rows.columns()];
        double sum = 0;
        for (int i = 0; i < rows.rows(); i++) {
            rows.read(i, w);
            product.read(i, p);
            for (int j = 0; j < w.length; j++) {
                sum += (double) w[j] * p[j];
            }
        }
        return sum;
    }
}
