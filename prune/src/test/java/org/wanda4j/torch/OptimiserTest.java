package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// Against the formulas in fp64.
class OptimiserTest {

    private static final int ROWS = 5;
    private static final int COLUMNS = 12;
    private static final double RATE = 1e-2;

    static List<Device> devices() {
        return List.of(Device.HOST, Device.EMULATED);
    }

    private final SplittableRandom random = new SplittableRandom(7);

    @ParameterizedTest
    @MethodSource("devices")
    void aVectorFollowsAdam(Device device) {
        try (Arena memory = Arena.ofShared();
                Engine engine = new Engine(ComputeType.FP32, 1, device)) {
            Variable vector = variable(memory, Optional.empty(), device, 3L);
            var optimiser = new Optimiser(engine, List.of(vector), false, memory);
            double[] expected = values(vector.value());
            double[] mean = new double[3];
            double[] square = new double[3];
            for (int step = 0; step < 3; step++) {
                double[] gradient = randomGradient(vector);
                double norm = optimiser.step(step, RATE);
                assertEquals(norm(gradient), norm, 1e-6);
                for (int i = 0; i < 3; i++) {
                    double g = gradient[i] * Math.min(1, 1 / norm);
                    mean[i] = 0.9 * mean[i] + 0.1 * g;
                    square[i] = 0.999 * square[i] + 0.001 * g * g;
                    double m = mean[i] / (1 - Math.pow(0.9, step + 1));
                    double v = square[i] / (1 - Math.pow(0.999, step + 1));
                    expected[i] -= RATE * m / (Math.sqrt(v) + 1e-8);
                }
                assertArrayEquals(expected, values(vector.value()), 1e-5);
            }
            assertEquals(2, optimiser.state().size());
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void theMatrixOfALinearFollowsMuonAndWhatWasRemovedStaysZero(Device device) {
        Mask removed = new Mask(ROWS, COLUMNS);
        for (int row = 0; row < ROWS; row++) {
            for (int column = row % 3; column < COLUMNS; column += 3) {
                removed.set(row, column);
            }
        }
        try (Arena memory = Arena.ofShared();
                Engine engine = new Engine(ComputeType.FP32, 1, device)) {
            Variable matrix =
                    variable(memory, Optional.of(removed), device, (long) ROWS, (long) COLUMNS);
            var optimiser = new Optimiser(engine, List.of(matrix), false, memory);
            double[] expected = values(matrix.value());
            double[][] momentum = new double[ROWS][COLUMNS];
            for (int step = 0; step < 3; step++) {
                double[] gradient = randomGradient(matrix);
                for (int i = 0; i < gradient.length; i++) {
                    gradient[i] *= removed.get(i / COLUMNS, i % COLUMNS) ? 0 : 1;
                }
                double norm = optimiser.step(step, RATE);
                assertEquals(norm(gradient), norm, 1e-5);
                double[][] change = new double[ROWS][COLUMNS];
                for (int i = 0; i < gradient.length; i++) {
                    double g = gradient[i] * Math.min(1, 1 / norm);
                    double[] row = momentum[i / COLUMNS];
                    row[i % COLUMNS] = 0.9 * row[i % COLUMNS] + g;
                    change[i / COLUMNS][i % COLUMNS] = 0.9 * row[i % COLUMNS] + g;
                }
                double[][] orthogonal = orthogonal(change);
                for (int i = 0; i < expected.length; i++) {
                    if (!removed.get(i / COLUMNS, i % COLUMNS)) {
                        expected[i] -=
                                RATE
                                        * 0.2
                                        * Math.sqrt(COLUMNS)
                                        * orthogonal[i / COLUMNS][i % COLUMNS];
                    }
                }
                assertArrayEquals(expected, values(matrix.value()), 1e-5);
            }
            assertEquals(1, optimiser.state().size());
        }
    }

    /// Three steps of Newton and Schulz's iteration.
    private static double[][] orthogonal(double[][] matrix) {
        double[][] x = scaled(matrix, 1 / norm(flat(matrix)));
        for (int i = 0; i < 3; i++) {
            double[][] p = product(x, transposed(x));
            double[][] q = sum(scaled(p, -4.7750), scaled(product(p, p), 2.0315));
            x = sum(scaled(x, 3.4445), product(q, x));
        }
        return x;
    }

    private static double[][] product(double[][] left, double[][] right) {
        double[][] product = new double[left.length][right[0].length];
        for (int i = 0; i < left.length; i++) {
            for (int j = 0; j < right[0].length; j++) {
                for (int k = 0; k < right.length; k++) {
                    product[i][j] += left[i][k] * right[k][j];
                }
            }
        }
        return product;
    }

    private static double[][] transposed(double[][] matrix) {
        double[][] transposed = new double[matrix[0].length][matrix.length];
        for (int i = 0; i < matrix.length; i++) {
            for (int j = 0; j < matrix[0].length; j++) {
                transposed[j][i] = matrix[i][j];
            }
        }
        return transposed;
    }

    private static double[][] scaled(double[][] matrix, double factor) {
        return sum(new double[matrix.length][matrix[0].length], matrix, factor);
    }

    private static double[][] sum(double[][] left, double[][] right) {
        return sum(left, right, 1);
    }

    private static double[][] sum(double[][] left, double[][] right, double factor) {
        double[][] sum = new double[left.length][left[0].length];
        for (int i = 0; i < left.length; i++) {
            for (int j = 0; j < left[0].length; j++) {
                sum[i][j] = left[i][j] + factor * right[i][j];
            }
        }
        return sum;
    }

    private static double[] flat(double[][] matrix) {
        List<Double> values = new ArrayList<>();
        for (double[] row : matrix) {
            for (double value : row) {
                values.add(value);
            }
        }
        return values.stream().mapToDouble(it -> it).toArray();
    }

    private static double norm(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value * value;
        }
        return Math.sqrt(sum);
    }

    private Variable variable(Arena memory, Optional<Mask> removed, Device device, Long... shape) {
        TensorView value = tensor(memory, shape);
        for (int i = 0; i < value.data().byteSize() / Float.BYTES; i++) {
            int at = i;
            boolean zero =
                    removed.filter(it -> it.get(at / it.columns(), at % it.columns())).isPresent();
            value.data()
                    .setAtIndex(
                            ValueLayout.JAVA_FLOAT, i, zero ? 0 : (float) random.nextDouble(-1, 1));
        }
        return new Variable(value, removed.isPresent(), device, memory);
    }

    private static TensorView tensor(Arena memory, Long... shape) {
        long count = List.of(shape).stream().reduce(1L, (a, b) -> a * b);
        MemorySegment data = memory.allocate(count * Float.BYTES, 64);
        return new TensorView("variable", DType.F32, List.of(shape), data);
    }

    private double[] randomGradient(Variable variable) {
        MemorySegment data = variable.gradient().data();
        for (int i = 0; i < data.byteSize() / Float.BYTES; i++) {
            data.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
        }
        variable.gradient().upload();
        return values(variable.gradient());
    }

    private static double[] values(MirroredTensor tensor) {
        tensor.download();
        float[] values = tensor.data().toArray(ValueLayout.JAVA_FLOAT);
        double[] wide = new double[values.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = values[i];
        }
        return wide;
    }
}
