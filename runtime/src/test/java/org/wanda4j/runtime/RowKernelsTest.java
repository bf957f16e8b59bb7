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

    private static final int ROWS = 9;
    private static final List<Integer> WIDTHS = List.of(576, 64, 8, 100, 33, 1);
    private static final List<Double> DENSITIES = List.of(1.0, 0.5, 0.9, 0.05, 0.0);

    private final RowKernels scalar = new ScalarKernels("test");
    private final Random random = new Random(7);

    /// All that this machine can run.
    static Stream<RowKernels> kernels() {
        return Stream.of(new VectorKernels(), KernelChoice.BEST);
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void productsAreThoseOfTheScalarTwin(RowKernels kernels) {
        forEachMatrix((matrix, what) -> {
            Vectors x = vectors(matrix.columns());
            for (int row = 0; row < ROWS; row++) {
                float expected = dot(scalar, matrix, row, x);
                float actual = dot(kernels, matrix, row, x);
                assertEquals(expected, actual, 1e-4 * (1 + Math.abs(expected)), what);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void rowsAreDecodedExactlyAndFilledWithZeros(RowKernels kernels) {
        forEachMatrix((matrix, what) -> {
            int width = Vectors.padded(matrix.columns());
            float[] expected = new float[3 * width];
            float[] actual = new float[3 * width];
            for (int row = 0; row < ROWS; row++) {
                Arrays.fill(actual, width, 2 * width, Float.NaN);
                scalar.decode(matrix, row, expected, width, scratch(matrix));
                kernels.decode(matrix, row, actual, width, scratch(matrix));
                for (int j = width; j < 2 * width; j++) {
                    assertEquals(expected[j], actual[j], what + " " + j);
                }
            }
        });
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void blocksOfRowsAndTokensAreMultiplied(RowKernels kernels) {
        int width = 128;
        float[] rows = random(RowKernels.TILE * width);
        for (int tokens = 1; tokens < 6; tokens++) {
            for (int count = 1; count <= RowKernels.TILE; count++) {
                float[] x = random(tokens * width);
                float[] expected = new float[tokens * 20];
                float[] actual = new float[tokens * 20];
                scalar.multiply(rows, count, width, x, tokens, expected, 5, 20);
                kernels.multiply(rows, count, width, x, tokens, actual, 5, 20);
                assertClose(expected, actual);
            }
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
            assertClose(expected, actual);
            assertEquals(
                    scalar.exponentials(expected, count, 1),
                    kernels.exponentials(actual, count, 1),
                    1e-4 * count);
            assertClose(expected, actual);
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
                float[] query = random(size + 3);
                float expected = scalar.dotBf16(query, 3, values, size, size);
                assertEquals(expected, kernels.dotBf16(query, 3, values, size, size), 1e-4);
                float[] sum = query.clone();
                scalar.addBf16(0.3f, values, size, size, query, 3);
                kernels.addBf16(0.3f, values, size, size, sum, 3);
                assertClose(query, sum);
            }
        }
    }

    @Test
    void theChoiceIsNamed() {
        assertTrue(KernelChoice.BEST.description().contains("bit"));
    }

    private static float dot(RowKernels kernels, PackedMatrix matrix, int row, Vectors x) {
        float[] arranged = new float[x.width()];
        kernels.arrange(x, arranged);
        return kernels.dot(matrix, row, x, arranged, scratch(matrix));
    }

    private interface Check {
        void accept(PackedMatrix matrix, String what);
    }

    private void forEachMatrix(Check check) {
        for (ValueType type : ValueType.values()) {
            for (double density : DENSITIES) {
                for (int columns : WIDTHS) {
                    try (Arena memory = Arena.ofConfined()) {
                        check.accept(
                                MatrixFixture.of(ROWS, columns, type, density, random, memory),
                                "%s %s x %d".formatted(type, density, columns));
                    }
                }
            }
        }
    }

    private static float[] scratch(PackedMatrix matrix) {
        return new float[Vectors.padded(matrix.columns()) + RowKernels.PADDING];
    }

    private Vectors vectors(int size) {
        var x = new Vectors(size);
        System.arraycopy(random(size), 0, x.values(), 0, size);
        return x;
    }

    private float[] random(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static void assertClose(float[] expected, float[] actual) {
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], 1e-4 * (1 + Math.abs(expected[i])));
        }
    }
}
