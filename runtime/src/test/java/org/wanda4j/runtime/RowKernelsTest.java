package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.CachedHead;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.RowKernels.Order;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;
import org.wanda4j.runtime.internal.x86.MachineKernels;
import org.wanda4j.sparse.ProcessorFeatures;

/// The kernels of this machine against their scalar twin, on every encoding.
class RowKernelsTest {

    private static final int ROWS = 21;

    /// Half a unit in the last place of fp32 is 6e-8.
    private static final double ROUNDING = 3e-7;

    private static final List<Integer> WIDTHS = List.of(576, 64, 8, 100, 33, 1);
    private static final List<Double> DENSITIES = List.of(1.0, 0.5, 0.9, 0.05, 0.0);

    /// Fewer than a panel, whole panels and parts of one, and more than are multiplied at once.
    private static final List<Integer> BATCHES = List.of(2, 3, 4, 5, 8, 12, 15, 16, 24, 33, 43);

    private final RowKernels scalar = new ScalarKernels("test");
    private final Random random = new Random(7);

    /// All that this machine can run; those for AVX2 also without what not every such processor has, and those for AVX-512 both where
    /// products of bf16 are fast and where they are not.
    static List<RowKernels> kernels() {
        List<RowKernels> kernels = new ArrayList<>();
        var others = new ScalarKernels("a twin");
        for (KernelChoice.Choice each : KernelChoice.runnable()) {
            kernels.add(each.kernels());
            if (each.instructions() == InstructionSet.AVX2) {
                Set<String> least = Set.of("avx2", "f16c", "fma", "popcnt");
                kernels.add(MachineKernels.avx2(least, others).orElseThrow());
            } else if (each.kernels() instanceof MachineKernels) {
                Set<String> features = new HashSet<>(ProcessorFeatures.current());
                if (!features.remove(ProcessorFeatures.FAST_AVX512_BF16)
                        && features.contains("avx512_bf16")) {
                    features.add(ProcessorFeatures.FAST_AVX512_BF16);
                }
                kernels.add(MachineKernels.avx512(features, others).orElseThrow());
            }
        }
        return kernels;
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void productsAreThoseOfTheScalarTwin(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            float[] x = new float[RowKernels.padded(matrix.columns())];
            System.arraycopy(random(matrix.columns()), 0, x, 0, matrix.columns());
            float[] expected = products(scalar, matrix, x);
            float[] actual = products(kernels, matrix, x);
            for (int i = 0; i < ROWS; i++) {
                float[] values = values(matrix, i);
                double tolerance = ROUNDING * magnitude(values, x);
                if (kernels instanceof MachineKernels) {
                    tolerance += roundedVector(Order.PLAIN, matrix, values, x);
                }
                assertEquals(expected[i], actual[i], tolerance, what);
            }
        });
    }

    /// Kernels may expect few values in 64 places where a matrix has few in all.
    @ParameterizedTest
    @MethodSource("kernels")
    void wordsWithManyValuesAreReadInMatricesWithFew(RowKernels kernels) {
        int rows = 300;
        int columns = 576;
        try (Arena memory = Arena.ofConfined()) {
            var matrix =
                    MappedMatrix.of(
                            MatrixFixture.of(rows, columns, ValueType.INT4, 0.35, random, memory));
            assertTrue(hasWordsWithMoreThan(Long.SIZE / 2, matrix));
            float[] x = random(columns);
            float[] arranged = new float[columns];
            kernels.arrange(kernels.order(matrix, 1, 1), x, 0, arranged, 0, columns);
            float[] y = new float[rows];
            kernels.products(matrix, 0, rows, arranged, y, kernels.newScratch(columns, memory));
            for (int i = 0; i < rows; i++) {
                float[] values = values(matrix, i);
                double tolerance =
                        ROUNDING * magnitude(values, x)
                                + roundedVector(Order.PLAIN, matrix, values, x);
                assertEquals(product(values, x), y[i], tolerance);
            }
        }
    }

    private static boolean hasWordsWithMoreThan(int count, MappedMatrix matrix) {
        for (int i = 0; i < matrix.rows(); i++) {
            for (int j = 0; j < matrix.columns(); j += Long.SIZE) {
                long word = MappedMatrix.word(matrix.rowBitmask(i), j, matrix.columns());
                if (Long.bitCount(word) > count) {
                    return true;
                }
            }
        }
        return false;
    }

    /// `sum_j |W_ij x_j|`: what roundings of a sum are relative to, however much of it cancels.
    private static double magnitude(float[] values, float[] x) {
        double sum = 0;
        for (int j = 0; j < x.length; j++) {
            sum += Math.abs((double) values[j] * x[j]);
        }
        return sum;
    }

    /// What [MachineKernels] may differ by because they round vectors.
    ///
    /// @param order of the vectors
    private static double roundedVector(
            Order order, MappedMatrix matrix, float[] values, float[] x) {
        boolean rounded = order == Order.BF16_PANELS || order == Order.BF16_EIGHTS;
        double ofValue = rounded ? 0x1p-8 : 0x1p-17;
        double ofLargest = order == Order.QUANTISED_EIGHTS ? 1.01 * 0x1p-8 : 0x1p-15;
        double sum = 0;
        for (int j = 0; j < matrix.columns(); j++) {
            boolean quantised = matrix.type().isQuantised();
            double step = quantised ? ofLargest * largest(x, j) : ofValue * Math.abs(x[j]);
            sum += step * Math.abs(values[j]);
        }
        return sum;
    }

    private float[] values(MappedMatrix matrix, int row) {
        float[] values = new float[RowKernels.padded(matrix.columns())];
        scalar.decode(matrix, row, values, 0, scalar.newScratch(matrix.columns(), Arena.ofAuto()));
        return values;
    }

    private static double product(float[] values, float[] x) {
        double sum = 0;
        for (int j = 0; j < x.length; j++) {
            sum += (double) values[j] * x[j];
        }
        return sum;
    }

    private static double largest(float[] x, int j) {
        float largest = 0;
        int from = j / ValueType.GROUP * ValueType.GROUP;
        for (int k = from; k < from + ValueType.GROUP; k++) {
            largest = Math.max(largest, Math.abs(x[k]));
        }
        return largest;
    }

    private static float[] products(RowKernels kernels, MappedMatrix matrix, float[] x) {
        float[] arranged = new float[x.length];
        float[] y = new float[ROWS];
        var scratch = kernels.newScratch(matrix.columns(), Arena.ofAuto());
        kernels.arrange(kernels.order(matrix, 1, 1), x, 0, arranged, 0, x.length);
        kernels.products(matrix, 0, 2, arranged, y, scratch);
        kernels.products(matrix, 2, ROWS, arranged, y, scratch);
        return y;
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void rowsAreDecodedExactlyAndFilledWithZeros(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            int width = RowKernels.padded(matrix.columns());
            float[] actual = new float[3 * width];
            for (int row = 0; row < ROWS; row++) {
                float[] expected = new float[width];
                packed.decode(row, expected);
                Arrays.fill(actual, width, 2 * width, Float.NaN);
                kernels.decode(
                        matrix,
                        row,
                        actual,
                        width,
                        kernels.newScratch(matrix.columns(), Arena.ofAuto()));
                for (int j = 0; j < width; j++) {
                    // A zero times a negative scale may be a negative zero.
                    assertEquals(expected[j] + 0f, actual[width + j] + 0f, what + " " + j);
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
    void whatIsNoNumberGivesNoNumber(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            if (!matrix.isSparse()) {
                float[] x = new float[RowKernels.padded(matrix.columns())];
                x[matrix.columns() / 2] = Float.NaN;
                float[] y = products(kernels, matrix, x);
                for (int i = 0; i < ROWS; i++) {
                    assertEquals(Float.NaN, y[i], what);
                }
            }
        });
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void severalActivationsAreMultipliedTogether(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            int width = RowKernels.padded(matrix.columns());
            var scratch = kernels.newScratch(matrix.columns(), Arena.ofAuto());
            boolean oneByOne = kernels instanceof ScalarKernels;
            double rounding = oneByOne ? matrix.columns() * 0x1p-24 : ROUNDING;
            float[][] rows = new float[ROWS][];
            Arrays.setAll(rows, i -> values(matrix, i));
            for (int tokens : BATCHES) {
                float[] x = new float[tokens * width];
                for (int t = 0; t < tokens; t++) {
                    System.arraycopy(random(matrix.columns()), 0, x, t * width, matrix.columns());
                }
                for (int texts : List.of(1, tokens)) {
                    ArrangedBatch batch = arranged(kernels, matrix, x, tokens, texts);
                    // A short prompt is rounded no more than an activation that is alone.
                    boolean prompt = texts == 1 && tokens <= RowKernels.PANEL;
                    Order order = prompt ? Order.PLAIN : batch.order();
                    float[] actual = new float[tokens * 24];
                    kernels.block(matrix, 0, 5, batch, tokens, actual, 24, scratch);
                    kernels.block(matrix, 5, ROWS, batch, tokens, actual, 24, scratch);
                    for (int t = 0; t < tokens; t++) {
                        float[] one = Arrays.copyOfRange(x, t * width, (t + 1) * width);
                        for (int i = 0; i < ROWS; i++) {
                            double tolerance = rounding * magnitude(rows[i], one);
                            if (kernels instanceof MachineKernels) {
                                tolerance += roundedVector(order, matrix, rows[i], one);
                            }
                            assertEquals(
                                    product(rows[i], one),
                                    actual[t * 24 + i],
                                    tolerance,
                                    what + " " + t + " " + i + " " + order);
                        }
                    }
                }
            }
        });
    }

    /// Where numbers of 16 bits would overflow first.
    @ParameterizedTest
    @MethodSource("kernels")
    void theLargestNumbersAreMultipliedExactly(RowKernels kernels) {
        int columns = 576;
        var lowest =
                new RandomGenerator() {
                    @Override
                    public int nextInt(int bound) {
                        return bound - 1;
                    }

                    @Override
                    public int nextInt(int origin, int bound) {
                        return origin;
                    }

                    @Override
                    public long nextLong() {
                        return 0;
                    }
                };
        for (ValueType type : ValueType.values()) {
            for (double density : List.of(1.0, 0.99)) {
                for (int tokens : type.isQuantised() ? BATCHES : List.<Integer>of()) {
                    try (Arena memory = Arena.ofConfined()) {
                        var matrix =
                                MappedMatrix.of(
                                        MatrixFixture.of(
                                                ROWS, columns, type, density, lowest, memory));
                        float[] x = new float[tokens * columns];
                        for (int t = 0; t < tokens; t++) {
                            float each = t % 2 == 0 ? 3 : -3;
                            Arrays.fill(x, t * columns, (t + 1) * columns, each);
                        }
                        float[] y = new float[tokens * 24];
                        ArrangedBatch batch = arranged(kernels, matrix, x, tokens, tokens);
                        var scratch = kernels.newScratch(columns, memory);
                        kernels.block(matrix, 0, ROWS, batch, tokens, y, 24, scratch);
                        float[] row = values(matrix, 0);
                        float[] one = Arrays.copyOf(x, columns);
                        double expected = product(row, one);
                        for (int i = 0; i < tokens * ROWS; i++) {
                            int t = i / ROWS;
                            assertEquals(
                                    t % 2 == 0 ? expected : -expected,
                                    y[t * 24 + i % ROWS],
                                    1e-6 * Math.abs(expected),
                                    type + " " + tokens);
                        }
                    }
                }
            }
        }
    }

    /// More than kernels take at once, whole and in parts that no number of rows divides.
    @ParameterizedTest
    @MethodSource("kernels")
    void manyRowsAreMultipliedWithManyActivations(RowKernels kernels) {
        int rows = 301;
        int outputs = 304;
        int columns = 576;
        for (ValueType type : ValueType.values()) {
            if (type == ValueType.F32 || type == ValueType.F16) {
                continue;
            }
            for (double density : List.of(1.0, 0.5, 0.2)) {
                for (int tokens : List.of(3, 9, 20, 67)) {
                    try (Arena memory = Arena.ofConfined()) {
                        var matrix =
                                MappedMatrix.of(
                                        MatrixFixture.of(
                                                rows, columns, type, density, random, memory));
                        float[] x = random(tokens * columns);
                        ArrangedBatch batch = arranged(kernels, matrix, x, tokens, tokens);
                        Order order = batch.order();
                        float[] y = new float[tokens * outputs];
                        Arrays.fill(y, Float.NaN);
                        var scratch = kernels.newScratch(columns, memory);
                        kernels.block(matrix, 0, rows, batch, tokens, y, outputs, scratch);
                        for (int i = 0; i < rows; i++) {
                            float[] row = values(matrix, i);
                            for (int t = 0; t < tokens; t++) {
                                float[] one = Arrays.copyOfRange(x, t * columns, (t + 1) * columns);
                                double tolerance =
                                        columns * 0x1p-24 * magnitude(row, one)
                                                + roundedVector(order, matrix, row, one);
                                assertEquals(
                                        product(row, one),
                                        y[t * outputs + i],
                                        tolerance,
                                        type + " " + density + " " + tokens);
                            }
                        }
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void noNumberInAnActivationDoesNotChangeOthers(RowKernels kernels) {
        forEachMatrix((packed, matrix, what) -> {
            for (int tokens : matrix.isSparse() ? List.<Integer>of() : List.of(3, 7, 11, 21)) {
                int width = RowKernels.padded(matrix.columns());
                float[] x = new float[tokens * width];
                x[width] = Float.NaN;
                int infinite = Math.min(9, tokens - 1);
                x[infinite * width] = Float.POSITIVE_INFINITY;
                float[] y = new float[tokens * 24];
                ArrangedBatch batch = arranged(kernels, matrix, x, tokens, tokens);
                var scratch = kernels.newScratch(matrix.columns(), Arena.ofAuto());
                kernels.block(matrix, 0, ROWS, batch, tokens, y, 24, scratch);
                for (int t = 0; t < tokens; t++) {
                    for (int i = 0; i < ROWS; i++) {
                        boolean finite = t != 1 && t != infinite;
                        assertEquals(finite, Float.isFinite(y[t * 24 + i]), what);
                    }
                }
            }
        });
    }

    private static ArrangedBatch arranged(
            RowKernels kernels, MappedMatrix matrix, float[] x, int tokens, int texts) {
        Order order = kernels.order(matrix, tokens, texts);
        int width = x.length / tokens;
        var batch = new ArrangedBatch(order, Arena.ofAuto());
        batch.reserve(tokens, width);
        for (int t = 0; t < tokens; t += RowKernels.PANEL) {
            int count = Math.min(RowKernels.PANEL, tokens - t);
            float[] some = new float[RowKernels.PANEL * width];
            Arrays.fill(some, Float.NaN);
            System.arraycopy(x, t * width, some, 0, count * width);
            kernels.arrange(order, some, count, batch, t);
        }
        return batch;
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
    void exponentialsOfExtremesAreThoseOfTheScalarTwin(RowKernels kernels) {
        float[] extremes = {
            Float.NEGATIVE_INFINITY, -200, -104, -95, -87.5f, -1e-30f, 0, 80, 88.5f, 90, Float.NaN
        };
        for (int count : List.of(extremes.length, 3)) {
            float[] expected = Arrays.copyOf(extremes, count);
            float[] actual = expected.clone();
            scalar.exponentials(expected, count, 0);
            kernels.exponentials(actual, count, 0);
            for (int i = 0; i < count; i++) {
                double tolerance =
                        Float.isFinite(expected[i])
                                ? Math.max(Float.MIN_NORMAL, 1e-6 * Math.abs(expected[i]))
                                : Float.MIN_NORMAL;
                assertEquals(expected[i], actual[i], tolerance, extremes[i] + "");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aHeadOfTheCacheIsReadAndMixed(RowKernels kernels) {
        var scratch = kernels.newScratch(256, Arena.ofAuto());
        try (Arena memory = Arena.ofConfined()) {
            for (int size : List.of(64, 16, 10, 128, 80, 256)) {
                for (var lengths :
                        List.of(List.of(1), List.of(4), List.of(7, 32, 5), List.of(32, 2))) {
                    CachedHead head = head(size, lengths, memory);
                    int count = head.positions();
                    String what = size + " " + lengths;
                    float[] query = random(size + 3);
                    float[] expected = new float[count + RowKernels.SPARE_SCORES];
                    float[] actual = new float[count + RowKernels.SPARE_SCORES];
                    scalar.dots(query, 3, head, expected, scratch);
                    kernels.dots(query, 3, head, actual, scratch);
                    assertClose(Arrays.copyOf(expected, count), Arrays.copyOf(actual, count), what);
                    float[] sum = random(size + 4);
                    float[] actualSum = sum.clone();
                    scalar.mix(expected, 0.3f, head, sum, 3, scratch);
                    kernels.mix(expected, 0.3f, head, actualSum, 3, scratch);
                    assertClose(sum, actualSum, "mix " + what);
                }
            }
        }
    }

    /// A head whose positions are all over the place.
    private CachedHead head(int size, List<Integer> lengths, Arena memory) {
        long positionBytes = (long) size * Short.BYTES;
        long cache =
                MatrixFixture.of(400, size, ValueType.BF16, 1, random, memory).values().address();
        var head = new CachedHead();
        head.clear(size);
        for (int i = 0; i < lengths.size(); i++) {
            head.add(
                    cache + (300 - 50 * i) * positionBytes,
                    cache + (40 * i + 3) * positionBytes,
                    lengths.get(i));
        }
        return head;
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void scoresThatDoNotFitAreRefused(RowKernels kernels) {
        try (Arena memory = Arena.ofConfined()) {
            CachedHead head = head(64, List.of(32, 7), memory);
            var scratch = kernels.newScratch(64, memory);
            float[] scores = new float[38];
            assertThrows(
                    IndexOutOfBoundsException.class,
                    () -> kernels.dots(random(64), 0, head, scores, scratch));
        }
    }

    @Test
    void theChoiceIsNamed() {
        assertTrue(KernelChoice.best().description().contains("bit"));
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
