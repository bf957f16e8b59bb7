package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.ValueType;

/// The kernels of this machine against their scalar twin, on every encoding.
class RowKernelsTest {

    private static final int ROWS = 21;

    /// Half a unit in the last place of fp32 is 6e-8.
    private static final double ROUNDING = 3e-7;

    private static final List<Integer> WIDTHS = List.of(576, 64, 8, 100, 33, 1);
    private static final List<Double> DENSITIES = List.of(1.0, 0.5, 0.9, 0.05, 0.0);

    private final RowKernels scalar = new ScalarKernels("test");
    private final Random random = new Random(7);

    /// All that this machine can run.
    static Stream<RowKernels> kernels() {
        return Stream.of(new ScalarKernels("test"), new VectorKernels(), KernelChoice.BEST);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void productsAreThoseOfTheScalarTwin(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            float[] x = new float[Vectors.padded(matrix.columns())];
            System.arraycopy(random(matrix.columns()), 0, x, 0, matrix.columns());
            float[] expected = products(scalar, matrix, x);
            float[] actual = products(kernels, matrix, x);
            for (int i = 0; i < ROWS; i++) {
                assertEquals(
                        expected[i], actual[i], ROUNDING * magnitude(kernels, matrix, i, x), what);
            }
        });
    }

    /// `sum_j |W_ij x_j|`: what roundings of the sum are relative to, however much of it cancels. Where a
    /// quantised value is multiplied as `1.5 + q / 256`, it counts as three times the largest that its scale can give.
    private double magnitude(RowKernels kernels, MappedMatrix matrix, int row, float[] x) {
        boolean inMantissa = kernels instanceof WideKernels && matrix.type().isQuantised();
        float[] values = new float[x.length];
        scalar.decode(matrix, row, values, 0, new Scratch(matrix.columns()));
        double largest = 3 * Math.scalb(1.0, matrix.type().bits() - 1);
        double sum = 0;
        for (int j = 0; j < matrix.columns(); j++) {
            double value =
                    inMantissa
                            ? largest * MappedMatrix.scale(matrix.rowScales(row), j)
                            : Math.abs(values[j]);
            sum += value * Math.abs(x[j]);
        }
        return sum;
    }

    private static float[] products(RowKernels kernels, MappedMatrix matrix, float[] x) {
        float[] arranged = new float[x.length];
        float[] y = new float[ROWS];
        var scratch = new Scratch(matrix.columns());
        kernels.arrange(kernels.order(matrix), x, 0, arranged, 0, x.length);
        kernels.products(matrix, 0, 2, arranged, y, scratch);
        kernels.products(matrix, 2, ROWS, arranged, y, scratch);
        return y;
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void rowsAreDecodedExactlyAndFilledWithZeros(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            int width = Vectors.padded(matrix.columns());
            float[] actual = new float[3 * width];
            for (int row = 0; row < ROWS; row++) {
                float[] expected = new float[width];
                packed.decode(row, expected);
                Arrays.fill(actual, width, 2 * width, Float.NaN);
                kernels.decode(matrix, row, actual, width, new Scratch(matrix.columns()));
                for (int j = 0; j < width; j++) {
                    assertEquals(expected[j], actual[width + j], what + " " + j);
                }
            }
        });
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void rowsAreUnpackedInTheOrderOfTheVector(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            int width = Vectors.padded(matrix.columns());
            float[] row = new float[width];
            float[] expected = new float[width];
            float[] actual = new float[RowKernels.TILE * width];
            Arrays.fill(actual, Float.NaN);
            int from = 3;
            kernels.unpack(
                    matrix,
                    from,
                    from + RowKernels.TILE,
                    actual,
                    width,
                    new Scratch(matrix.columns()));
            for (int i = 0; i < RowKernels.TILE; i++) {
                packed.decode(from + i, row);
                kernels.arrange(kernels.order(matrix), row, 0, expected, 0, width);
                for (int j = 0; j < width; j++) {
                    assertEquals(
                            expected[j],
                            actual[i * width + j],
                            Math.abs(expected[j]) * ROUNDING,
                            what + " " + j);
                }
            }
        });
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void blocksOfRowsAndTokensAreMultiplied(RowKernels kernels) {
        int width = 128;
        float[] rows = random(RowKernels.TILE * width);
        for (int tokens = 1; tokens < 10; tokens++) {
            for (int count = 4; count <= RowKernels.TILE; count += 4) {
                float[] x = random(tokens * width);
                float[] expected = new float[tokens * 24];
                float[] actual = new float[tokens * 24];
                scalar.multiply(rows, count, width, x, tokens, expected, 5, 24);
                kernels.multiply(rows, count, width, x, tokens, actual, 5, 24);
                assertClose(expected, actual, "");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void vectorsAreScaledAndAdded(RowKernels kernels) {
        for (int count : WIDTHS) {
            float[] expected = random(count + 3);
            float[] actual = expected.clone();
            float[] up = random(count + 3);
            scalar.scale(expected, 3, 0.7f, up, expected, 3, count);
            kernels.scale(actual, 3, 0.7f, up, actual, 3, count);
            assertClose(expected, actual, "");
            scalar.add(up, expected, 3, count);
            kernels.add(up, actual, 3, count);
            assertClose(expected, actual, "");
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void functionsAreThoseOfTheScalarTwin(RowKernels kernels) {
        for (int count : WIDTHS) {
            float[] expected = random(count + 3);
            float[] actual = expected.clone();
            float[] up = random(count + 3);
            scalar.silu(expected, up, 3, count);
            kernels.silu(actual, up, 3, count);
            assertClose(expected, actual, "");
            assertEquals(
                    scalar.exponentials(expected, count, 1),
                    kernels.exponentials(actual, count, 1),
                    1e-4 * count);
            assertClose(expected, actual, "");
            assertEquals(
                    scalar.sumOfSquares(expected, 3, count),
                    kernels.sumOfSquares(actual, 3, count),
                    1e-4 * count);
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aHeadOfTheCacheIsReadAndMixed(RowKernels kernels) {
        try (Arena memory = Arena.ofConfined()) {
            for (int size : List.of(64, 16, 10, 128)) {
                var values = MatrixFixture.of(2, size, ValueType.BF16, 1, random, memory).values();
                long head = values.address() + 2L * size;
                float[] query = random(size + 3);
                float expected = scalar.dotBf16(query, 3, head, size);
                assertEquals(expected, kernels.dotBf16(query, 3, head, size), 1e-4);
                float[] sum = query.clone();
                scalar.addBf16(0.3f, head, size, query, 3);
                kernels.addBf16(0.3f, head, size, sum, 3);
                assertClose(query, sum, "");
            }
        }
    }

    @Test
    void theChoiceIsNamed() {
        assertTrue(KernelChoice.BEST.description().contains("bit"));
    }

    private interface Check {
        void accept(PackedMatrix packed, MappedMatrix matrix, String what);
    }

    private void forEachMatrix(Check check) {
        for (ValueType type : ValueType.values()) {
            for (double density : DENSITIES) {
                for (int columns : WIDTHS) {
                    try (Arena memory = Arena.ofConfined()) {
                        PackedMatrix packed =
                                MatrixFixture.of(ROWS, columns, type, density, random, memory);
                        check.accept(
                                packed,
                                MappedMatrix.of(packed),
                                "%s %s x %d".formatted(type, density, columns));
                    }
                }
            }
        }
    }

    private float[] random(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static void assertClose(float[] expected, float[] actual, String what) {
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], 1e-4 * (1 + Math.abs(expected[i])), what);
        }
    }
}
