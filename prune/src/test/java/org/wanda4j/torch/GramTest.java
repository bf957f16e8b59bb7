package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// What is derived from a Gram matrix, against the same in double.
class GramTest {

    private static final int CHANNELS = 300;
    private static final int TOKENS = 400;
    private static final double DAMPING = 0.01;

    /// Of a value of fp32, half of its last bit.
    private static final double ROUNDING = 0x1p-24;

    /// A factor that is computed in fp32 is off by more, and on another processor by something else.
    @Test
    void theInversesFactorIsExactToTheLastBitOfFp32() {
        try (Gram gram = Grams.of(inputs(), ComputeType.FP32)) {
            Matrix actual = gram.inverseFactor().matrix();
            double[][] expected = inverted(reversedFactor(hessian(gram.matrix())));
            for (int i = 0; i < CHANNELS; i++) {
                for (int j = i; j < CHANNELS; j++) {
                    double tolerance =
                            1.01 * ROUNDING * Math.abs(expected[i][j]) + 1e-9 * expected[i][i];
                    assertEquals(expected[i][j], actual.get(i, j), tolerance, i + ", " + j);
                }
            }
        }
    }

    private static double[][] hessian(Matrix gram) {
        double[][] hessian = new double[CHANNELS][CHANNELS];
        double mean = 0;
        for (int i = 0; i < CHANNELS; i++) {
            for (int j = 0; j < CHANNELS; j++) {
                hessian[i][j] = 2.0 * gram.get(i, j);
            }
            mean += hessian[i][i] / CHANNELS;
        }
        for (int i = 0; i < CHANNELS; i++) {
            hessian[i][i] += DAMPING * mean;
        }
        return hessian;
    }

    /// The upper `R` with `H = R R^T`, from the last column to the first.
    private static double[][] reversedFactor(double[][] h) {
        double[][] r = new double[CHANNELS][CHANNELS];
        for (int j = CHANNELS - 1; j >= 0; j--) {
            for (int i = j; i >= 0; i--) {
                double sum = h[i][j];
                for (int k = j + 1; k < CHANNELS; k++) {
                    sum -= r[i][k] * r[j][k];
                }
                r[i][j] = i == j ? Math.sqrt(sum) : sum / r[j][j];
            }
        }
        return r;
    }

    /// `R^-1`, upper too.
    private static double[][] inverted(double[][] r) {
        double[][] inverse = new double[CHANNELS][CHANNELS];
        for (int j = 0; j < CHANNELS; j++) {
            inverse[j][j] = 1 / r[j][j];
            for (int i = j - 1; i >= 0; i--) {
                double sum = 0;
                for (int k = i + 1; k <= j; k++) {
                    sum -= r[i][k] * inverse[k][j];
                }
                inverse[i][j] = sum / r[i][i];
            }
        }
        return inverse;
    }

    /// Channels that share nearly everything, one of them far larger than the others, as in real models.
    private static float[][] inputs() {
        var random = new SplittableRandom(7);
        float[][] inputs = new float[TOKENS][CHANNELS];
        for (float[] token : inputs) {
            double shared = random.nextGaussian();
            for (int j = 0; j < CHANNELS; j++) {
                token[j] = (float) (shared + 0.01 * random.nextGaussian());
            }
            token[CHANNELS / 2] *= 100;
        }
        return inputs;
    }
}
