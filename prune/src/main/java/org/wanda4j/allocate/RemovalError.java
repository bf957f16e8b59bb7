package org.wanda4j.allocate;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Matrix;

/// How much the outputs of a linear change when each row loses the half of its weights that matters least, one after the other: with
/// `S_ij = w_i w_j G_ij`, where `G` is the Gram matrix of the inputs, the weights of a set `P` are worth `sum_{i, j in P} S_ij`, so
/// that the next to go is the one with the least `S_ii + 2 sum_{p in P} S_ip` (Yang et al., ICLR 2026).
final class RemovalError {

    /// Additions for all rows of a linear, roughly; of a wide one fewer rows are taken.
    private static final long WORK = 1L << 28;

    private static final int FEWEST_ROWS = 8;
    private static final int MOST_ROWS = 64;

    private RemovalError() {}

    /// The sum over all rows, by that over some of them, as far from each other as they can be.
    ///
    /// @param gram of the inputs
    static double of(TensorView weight, Matrix gram, Engine engine) {
        try (Arena memory = Arena.ofShared()) {
            Matrix values = Matrix.copyOf(weight, memory);
            long most = WORK / ((long) values.columns() * values.columns());
            int rows = Math.min(values.rows(), Math.clamp(most, FEWEST_ROWS, MOST_ROWS));
            double[] errors = new double[rows];
            engine.forEach(
                    rows,
                    i -> {
                        float[] row = new float[values.columns()];
                        values.read((int) ((long) i * values.rows() / rows), row);
                        errors[i] = ofRow(row, gram);
                    });
            return Arrays.stream(errors).sum() / rows * values.rows();
        }
    }

    /// The error of a row.
    static double ofRow(float[] weights, Matrix gram) {
        int width = weights.length;
        float[] products = new float[width]; // sum_p w_p G_pj
        float[] line = new float[width];
        float[] own = new float[width];
        for (int j = 0; j < width; j++) {
            own[j] = weights[j] * weights[j] * gram.get(j, j);
        }
        boolean[] removed = new boolean[width];
        double sum = 0;
        for (int count = 0; count < width / 2; count++) {
            int least = -1;
            float lowest = 0;
            for (int j = 0; j < width; j++) {
                float added = own[j] + 2 * weights[j] * products[j];
                if (!removed[j] && (least < 0 || added < lowest)) {
                    lowest = added;
                    least = j;
                }
            }
            removed[least] = true;
            sum += lowest;
            gram.read(least, line);
            for (int j = 0; j < width; j++) {
                products[j] += weights[least] * line[j];
            }
        }
        return sum;
    }
}
