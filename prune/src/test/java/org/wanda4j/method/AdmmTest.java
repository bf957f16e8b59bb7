package org.wanda4j.method;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Grams;

/// The update against its formula, word for word, in double and with an inverse by elimination.
class AdmmTest {

    private static final int OUTPUTS = 300;
    private static final int INPUTS = 200;
    private static final int TOKENS = 600;
    private static final int ROUNDS = 20;
    private static final int GROWING = 15;
    private static final double DAMPING = 0.1;

    private final SplittableRandom random = new SplittableRandom(5);
    private final float[][] inputs = inputs();
    private final float[][] weights = normal(OUTPUTS, INPUTS);

    /// @param differing share of the weights that may stay in one and go in the other, where scores are all but equal
    /// @param error how much larger than the formula's the error of the outputs may be
    @ParameterizedTest
    @CsvSource({
        "FP32,0.5,0.001,0.001",
        "FP32,0,0.001,0.001",
        "BF16,0.5,0.02,0.02",
        "BF16,0,0.02,0.02"
    })
    void fitsWhatStaysAsTheFormulaSays(
            ComputeType type, double sparsity, double differing, double error) {
        SparsityPattern pattern = sparsity == 0 ? new NofM(2, 4) : new Unstructured(sparsity);
        double[][] expected = formula(sparsity);
        double[][] actual = pruned(pattern, type);
        long different = 0;
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                different += (expected[i][j] == 0) != (actual[i][j] == 0) ? 1 : 0;
            }
        }
        assertTrue(different <= differing * OUTPUTS * INPUTS, different + " differ");
        assertEquals(1, outputError(actual) / outputError(expected), error);
    }

    private double[][] pruned(SparsityPattern pattern, ComputeType type) {
        Method method = Methods.named("admm");
        try (Arena memory = Arena.ofShared();
                Gram gram = Grams.of(inputs, type)) {
            TensorView weight = tensor(memory);
            var statistics =
                    new InputStatistics(
                            new float[INPUTS], new float[INPUTS], TOKENS, Optional.of(gram));
            TensorView result =
                    new Admm(ROUNDS, GROWING, DAMPING)
                            .prune(
                                    new PruneTask(
                                            weight, statistics, pattern, DType.F32, 2, memory),
                                    method.importance(),
                                    method.selection())
                            .weight();
            double[][] values = new double[OUTPUTS][INPUTS];
            for (int i = 0; i < OUTPUTS; i++) {
                for (int j = 0; j < INPUTS; j++) {
                    values[i][j] = result.type().get(result.row(i), j);
                }
            }
            return values;
        }
    }

    private TensorView tensor(Arena memory) {
        MemorySegment data = memory.allocate((long) OUTPUTS * INPUTS * Float.BYTES, 64);
        for (int i = 0; i < OUTPUTS; i++) {
            MemorySegment.copy(
                    weights[i],
                    0,
                    data,
                    ValueLayout.JAVA_FLOAT,
                    (long) i * INPUTS * Float.BYTES,
                    INPUTS);
        }
        return new TensorView("weight", DType.F32, List.of((long) OUTPUTS, (long) INPUTS), data);
    }

    /// @param sparsity of the whole; 0 for 2:4
    private double[][] formula(double sparsity) {
        double[][] gram = new double[INPUTS][INPUTS];
        for (float[] x : inputs) {
            for (int i = 0; i < INPUTS; i++) {
                for (int j = 0; j < INPUTS; j++) {
                    gram[i][j] += (double) x[i] * x[j] / 2;
                }
            }
        }
        double[] d = IntStream.range(0, INPUTS).mapToDouble(i -> Math.sqrt(gram[i][i])).toArray();
        double[][] damped = new double[INPUTS][INPUTS];
        double[][] plusOne = new double[INPUTS][INPUTS];
        for (int i = 0; i < INPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                damped[i][j] = gram[i][j] / (d[i] * d[j]) + (i == j ? DAMPING : 0);
                plusOne[i][j] = damped[i][j] + (i == j ? 1 : 0);
            }
        }
        double[][] inverse = inverse(plusOne);
        double[][] w = new double[OUTPUTS][INPUTS];
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                w[i][j] = weights[i][j] * d[j];
            }
        }
        double[][] fixed = product(w, damped);
        double[][] u = new double[OUTPUTS][INPUTS];
        boolean[][] keep = new boolean[0][];
        for (int round = 1; round <= ROUNDS; round++) {
            if (round <= GROWING) {
                keep = kept(w, u, sparsity * (1 - Math.pow(1 - (double) round / GROWING, 3)));
            }
            double[][] right = new double[OUTPUTS][INPUTS];
            for (int i = 0; i < OUTPUTS; i++) {
                for (int j = 0; j < INPUTS; j++) {
                    double z = keep[i][j] ? w[i][j] + u[i][j] : 0;
                    u[i][j] += w[i][j] - z;
                    right[i][j] = fixed[i][j] + z - u[i][j];
                }
            }
            w = product(right, inverse);
        }
        double[][] result = new double[OUTPUTS][INPUTS];
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                result[i][j] = keep[i][j] ? (w[i][j] + u[i][j]) / d[j] : 0;
            }
        }
        return result;
    }

    private static boolean[][] kept(double[][] w, double[][] u, double sparsity) {
        double[] scores = new double[OUTPUTS * INPUTS];
        for (int k = 0; k < scores.length; k++) {
            scores[k] = Math.abs(w[k / INPUTS][k % INPUTS] + u[k / INPUTS][k % INPUTS]);
        }
        double threshold =
                Arrays.stream(scores).sorted().toArray()[(int) (scores.length * sparsity)];
        boolean[][] kept = new boolean[OUTPUTS][INPUTS];
        for (int k = 0; k < scores.length; k++) {
            double score = scores[k];
            int run = k / 4 * 4;
            kept[k / INPUTS][k % INPUTS] =
                    sparsity > 0
                            ? score > threshold
                            : IntStream.range(run, run + 4)
                                            .filter(other -> scores[other] < score)
                                            .count()
                                    >= 2;
        }
        return kept;
    }

    private static double[][] product(double[][] a, double[][] b) {
        double[][] c = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int k = 0; k < b.length; k++) {
                for (int j = 0; j < c[i].length; j++) {
                    c[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return c;
    }

    /// Gauss and Jordan; the matrix is positive definite.
    private static double[][] inverse(double[][] matrix) {
        int n = matrix.length;
        double[][] left = Arrays.stream(matrix).map(double[]::clone).toArray(double[][]::new);
        double[][] right = new double[n][n];
        for (int i = 0; i < n; i++) {
            right[i][i] = 1;
        }
        for (int pivot = 0; pivot < n; pivot++) {
            double scale = left[pivot][pivot];
            for (int j = 0; j < n; j++) {
                left[pivot][j] /= scale;
                right[pivot][j] /= scale;
            }
            for (int i = 0; i < n; i++) {
                double factor = left[i][pivot];
                for (int j = 0; j < n && i != pivot; j++) {
                    left[i][j] -= factor * left[pivot][j];
                    right[i][j] -= factor * right[pivot][j];
                }
            }
        }
        return right;
    }

    /// The sum of the squared differences of the outputs from the dense linear's.
    private double outputError(double[][] pruned) {
        double sum = 0;
        for (float[] x : inputs) {
            for (int i = 0; i < OUTPUTS; i++) {
                double difference = 0;
                for (int j = 0; j < INPUTS; j++) {
                    difference += (pruned[i][j] - weights[i][j]) * x[j];
                }
                sum += difference * difference;
            }
        }
        return sum;
    }

    /// Channels that share something, one of them far larger than the others, as in real models.
    private float[][] inputs() {
        float[][] own = normal(TOKENS, INPUTS);
        float[][] shared = normal(TOKENS, 8);
        float[][] mixed = normal(8, INPUTS);
        for (int t = 0; t < TOKENS; t++) {
            for (int j = 0; j < INPUTS; j++) {
                for (int k = 0; k < 8; k++) {
                    own[t][j] += shared[t][k] * mixed[k][j];
                }
            }
            own[t][7] *= 100;
        }
        return own;
    }

    private float[][] normal(int rows, int columns) {
        float[][] values = new float[rows][columns];
        for (float[] row : values) {
            for (int j = 0; j < columns; j++) {
                row[j] = (float) random.nextGaussian();
            }
        }
        return values;
    }
}
