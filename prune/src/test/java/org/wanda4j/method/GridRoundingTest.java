package org.wanda4j.method;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueGrid;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Grams;

/// Rounding that knows its inputs against GPTQ as its paper has it, in double and with an inverse that shrinks by elimination, and
/// against rounding to nearest.
class GridRoundingTest {

    private static final int OUTPUTS = 100;
    private static final int INPUTS = 200;
    private static final int TOKENS = 500;
    private static final double DAMPING = 0.01;

    private final SplittableRandom random = new SplittableRandom(9);
    private final float[][] inputs = inputs();

    @ParameterizedTest
    @CsvSource({"INT4,0", "INT4,0.5", "INT4,0.9", "INT8,0", "INT8,0.5"})
    void itMissesLessThanGptqAndThatLessThanRoundingToNearest(ValueType type, double sparsity) {
        float[][] weights = weights(sparsity);
        double[][] hessian = hessian();
        double nearest = error(weights, nearest(weights, new ValueGrid(type)), hessian);
        double gptq = error(weights, gptq(weights, new ValueGrid(type), hessian), hessian);
        double found = error(weights, values(round(weights, type, 2)), hessian);
        assertTrue(found < gptq, found + " of " + gptq);
        assertTrue(gptq < nearest || sparsity > 0, gptq + " of " + nearest);
        assertTrue(found < 0.7 * nearest, found + " of " + nearest);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.5})
    void theSweepIsThatOfGptq(double sparsity) {
        float[][] weights = weights(sparsity);
        var grid = new ValueGrid(ValueType.INT4);
        double[][] expected = gptq(weights, grid, hessian());
        double[][] actual = values(round(weights, ValueType.INT4, 2, 0));
        int different = 0;
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                double step = Math.abs(expected[i][j]) / 50 + 1e-6;
                different += Math.abs(expected[i][j] - actual[i][j]) > step ? 1 : 0;
            }
        }
        // Where a weight lies in the middle of two values, the last digit decides.
        assertTrue(different < OUTPUTS * INPUTS / 100, different + " differ");
    }

    @ParameterizedTest
    @CsvSource({"INT8,-127,127", "INT4,-8,7"})
    void zerosStayAndEveryValueIsOfTheGrid(ValueType type, int lowest, int highest) {
        float[][] weights = weights(0.5);
        GridRounding.Rounded rounded = round(weights, type, 2);
        double[][] values = values(rounded);
        int groups = (INPUTS + 31) / 32;
        assertEquals(OUTPUTS * groups, rounded.scales().length);
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                float scale = rounded.scales()[i * groups + j / 32];
                assertEquals(scale, ValueGrid.bf16(scale));
                double number = values[i][j] == 0 ? 0 : values[i][j] / scale;
                assertEquals(Math.rint(number), number);
                assertTrue(number >= lowest && number <= highest);
                assertTrue(weights[i][j] != 0 || values[i][j] == 0);
            }
        }
    }

    @Test
    void noWeightAloneCanBeRoundedBetter() {
        float[][] weights = weights(0.5);
        double[][] hessian = hessian();
        GridRounding.Rounded rounded = round(weights, ValueType.INT4, 2, 50);
        double[][] q = values(rounded);
        int groups = (INPUTS + 31) / 32;
        for (int i = 0; i < OUTPUTS; i++) {
            double before = rowError(weights[i], q[i], hessian);
            for (int j = 0; j < INPUTS; j += 7) {
                float scale = rounded.scales()[i * groups + j / 32];
                double kept = q[i][j];
                for (int step : new int[] {-1, 1}) {
                    long number = Math.round(kept / scale) + step;
                    if (weights[i][j] != 0 && number >= -8 && number <= 7) {
                        q[i][j] = number * scale;
                        assertTrue(rowError(weights[i], q[i], hessian) > before * (1 - 1e-5));
                    }
                }
                q[i][j] = kept;
            }
        }
    }

    @Test
    void theErrorThatIsReportedIsThatOfTheOutputs() {
        float[][] weights = weights(0.3);
        GridRounding.Rounded rounded = round(weights, ValueType.INT4, 2);
        double[][] q = values(rounded);
        double error = 0;
        double whole = 0;
        for (float[] x : inputs) {
            for (int i = 0; i < OUTPUTS; i++) {
                double before = 0;
                double after = 0;
                for (int j = 0; j < INPUTS; j++) {
                    before += (double) weights[i][j] * x[j];
                    after += q[i][j] * x[j];
                }
                error += (after - before) * (after - before);
                whole += before * before;
            }
        }
        assertEquals(error / whole, rounded.outputError(), 1e-4 * error / whole);
    }

    @Test
    void threadsDoNotChangeIt() {
        float[][] weights = weights(0.5);
        GridRounding.Rounded one = round(weights, ValueType.INT4, 1);
        GridRounding.Rounded many = round(weights, ValueType.INT4, 5);
        assertArrayEquals(one.scales(), many.scales());
        assertTrue(Arrays.deepEquals(values(one), values(many)));
        assertEquals(one.outputError(), many.outputError());
    }

    @Test
    void aWeightOfAnInputThatWasNeverThereIsRoundedToNearest() {
        for (float[] x : inputs) {
            x[70] = 0;
        }
        float[][] weights = weights(0);
        GridRounding.Rounded rounded = round(weights, ValueType.INT4, 2, 50);
        double[][] q = values(rounded);
        for (int i = 0; i < OUTPUTS; i++) {
            float scale = rounded.scales()[i * ((INPUTS + 31) / 32) + 2];
            float value = new ValueGrid(ValueType.INT4).round(weights[i][70], scale);
            assertEquals(value, q[i][70]);
        }
    }

    private GridRounding.Rounded round(float[][] weights, ValueType type, int threads) {
        return round(weights, type, threads, GridRounding.ROUNDS);
    }

    private GridRounding.Rounded round(float[][] weights, ValueType type, int threads, int rounds) {
        try (Arena scratch = Arena.ofShared();
                Gram gram = Grams.of(inputs, ComputeType.FP32)) {
            return GridRounding.round(
                    tensor(weights, scratch), gram, type, rounds, threads, Arena.ofAuto());
        }
    }

    /// GPTQ (Frantar et al., 2023) with the inverse of the columns that are left, after each one.
    private static double[][] gptq(float[][] weights, ValueGrid grid, double[][] hessian) {
        double[][] inverse = inverse(hessian);
        double[][] w = new double[OUTPUTS][];
        Arrays.setAll(w, i -> IntStream.range(0, INPUTS).mapToDouble(j -> weights[i][j]).toArray());
        double[][] q = new double[OUTPUTS][INPUTS];
        float[] scales = new float[OUTPUTS];
        double[][] left = copy(inverse);
        for (int j = 0; j < INPUTS; j++) {
            if (j % 32 == 0) {
                chooseScales(j, weights, w, left, grid, scales);
            }
            for (int i = 0; i < OUTPUTS; i++) {
                q[i][j] = weights[i][j] == 0 ? 0 : grid.round((float) w[i][j], scales[i]);
                double error = (w[i][j] - q[i][j]) / left[j][j];
                for (int k = j; k < INPUTS; k++) {
                    w[i][k] -= error * left[j][k];
                }
            }
            eliminate(left, j);
        }
        return q;
    }

    /// What a column's error counts is the inverse's diagonal when its turn comes.
    private static void chooseScales(
            int from,
            float[][] weights,
            double[][] w,
            double[][] left,
            ValueGrid grid,
            float[] scales) {
        int count = Math.min(32, INPUTS - from);
        float[] importance = new float[count];
        double[][] rest = copy(left);
        for (int j = from; j < from + count; j++) {
            importance[j - from] = (float) (1 / rest[j][j]);
            eliminate(rest, j);
        }
        for (int i = 0; i < OUTPUTS; i++) {
            float[] group = new float[count];
            for (int j = 0; j < count; j++) {
                group[j] = weights[i][from + j] == 0 ? 0 : (float) w[i][from + j];
            }
            scales[i] = grid.scale(group, importance, 0, count);
        }
    }

    /// Removes column `j` from the matrix whose inverse this is.
    private static void eliminate(double[][] inverse, int j) {
        for (int a = j + 1; a < INPUTS; a++) {
            double factor = inverse[a][j] / inverse[j][j];
            for (int b = j + 1; b < INPUTS; b++) {
                inverse[a][b] -= factor * inverse[j][b];
            }
        }
    }

    private static double[][] nearest(float[][] weights, ValueGrid grid) {
        double[][] q = new double[OUTPUTS][INPUTS];
        for (int i = 0; i < OUTPUTS; i++) {
            float[] scales = grid.scales(weights[i]);
            for (int j = 0; j < INPUTS; j++) {
                q[i][j] = grid.round(weights[i][j], scales[j / 32]);
            }
        }
        return q;
    }

    private static double error(float[][] weights, double[][] q, double[][] hessian) {
        double sum = 0;
        for (int i = 0; i < OUTPUTS; i++) {
            sum += rowError(weights[i], q[i], hessian);
        }
        return sum;
    }

    private static double rowError(float[] weights, double[] q, double[][] hessian) {
        double sum = 0;
        for (int j = 0; j < INPUTS; j++) {
            double part = 0;
            for (int k = 0; k < INPUTS; k++) {
                part += hessian[j][k] * (q[k] - weights[k]);
            }
            sum += part * (q[j] - weights[j]);
        }
        return sum;
    }

    private double[][] hessian() {
        double[][] hessian = new double[INPUTS][INPUTS];
        for (float[] x : inputs) {
            for (int j = 0; j < INPUTS; j++) {
                for (int k = 0; k < INPUTS; k++) {
                    hessian[j][k] += (double) x[j] * x[k];
                }
            }
        }
        double mean = IntStream.range(0, INPUTS).mapToDouble(j -> hessian[j][j]).sum() / INPUTS;
        for (int j = 0; j < INPUTS; j++) {
            hessian[j][j] += DAMPING * mean;
        }
        return hessian;
    }

    private static double[][] inverse(double[][] matrix) {
        int n = matrix.length;
        double[][] a = copy(matrix);
        double[][] inverse = new double[n][n];
        for (int i = 0; i < n; i++) {
            inverse[i][i] = 1;
        }
        for (int i = 0; i < n; i++) {
            double pivot = a[i][i];
            for (int k = 0; k < n; k++) {
                a[i][k] /= pivot;
                inverse[i][k] /= pivot;
            }
            for (int row = 0; row < n; row++) {
                double factor = row == i ? 0 : a[row][i];
                for (int k = 0; factor != 0 && k < n; k++) {
                    a[row][k] -= factor * a[i][k];
                    inverse[row][k] -= factor * inverse[i][k];
                }
            }
        }
        return inverse;
    }

    private static double[][] copy(double[][] matrix) {
        return Arrays.stream(matrix).map(double[]::clone).toArray(double[][]::new);
    }

    /// Channels that depend on each other, and differ in size.
    private float[][] inputs() {
        float[][] mixing = normal(INPUTS, INPUTS / 4);
        float[][] hidden = normal(TOKENS, INPUTS / 4);
        float[][] inputs = normal(TOKENS, INPUTS);
        for (int t = 0; t < TOKENS; t++) {
            for (int j = 0; j < INPUTS; j++) {
                float sum = inputs[t][j];
                for (int k = 0; k < INPUTS / 4; k++) {
                    sum += 0.3f * mixing[j][k] * hidden[t][k];
                }
                inputs[t][j] = sum * (1 + j % 5);
            }
        }
        return inputs;
    }

    private float[][] weights(double sparsity) {
        float[][] weights = normal(OUTPUTS, INPUTS);
        for (float[] row : weights) {
            for (int j = 0; j < INPUTS; j++) {
                row[j] = random.nextDouble() < sparsity ? 0 : row[j] / 30;
            }
        }
        return weights;
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

    private static TensorView tensor(float[][] weights, Arena memory) {
        MemorySegment data = memory.allocate(4L * OUTPUTS * INPUTS, 64);
        for (int i = 0; i < OUTPUTS; i++) {
            MemorySegment.copy(
                    weights[i], 0, data, ValueLayout.JAVA_FLOAT, 4L * i * INPUTS, INPUTS);
        }
        return new TensorView("w", DType.F32, List.of((long) OUTPUTS, (long) INPUTS), data);
    }

    private static double[][] values(GridRounding.Rounded rounded) {
        double[][] values = new double[OUTPUTS][INPUTS];
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                values[i][j] = DType.F32.get(rounded.weight().data(), (long) i * INPUTS + j);
            }
        }
        return values;
    }
}
