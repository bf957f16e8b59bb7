package org.wanda4j.runtime.internal.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.MatrixFixture;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;
import org.wanda4j.runtime.internal.kernels.VectorKernels;

class DenseLayoutTest {

    private static final int ROWS = 21;
    private static final List<Double> DENSITIES = List.of(0.5, 0.9, 0.05, 0.0);

    private final RowKernels scalar = new ScalarKernels("test");
    private final Random random = new Random(7);
    private final Arena memory = Arena.ofShared();
    private final SpinningThreadPool threads = new SpinningThreadPool(2);

    /// Kernels that compute faster with dense matrices, in the type that those have.
    private final RowKernels dense =
            (RowKernels)
                    Proxy.newProxyInstance(
                            RowKernels.class.getClassLoader(),
                            new Class<?>[] {RowKernels.class},
                            (_, method, arguments) ->
                                    method.getName().equals("denseType")
                                            ? Optional.of(((MappedMatrix) arguments[0]).type())
                                            : method.invoke(scalar, arguments));

    @AfterEach
    void close() {
        threads.close();
        memory.close();
    }

    @ParameterizedTest
    @EnumSource(
            value = ValueType.class,
            names = {"BF16", "INT8", "INT4", "Q8_0", "Q4_0"})
    void aDenseCopyHasTheValuesOfTheSparseMatrix(ValueType type) {
        var layout = new DenseLayout(dense, threads, Long.MAX_VALUE, memory);
        for (double density : DENSITIES) {
            for (int columns : List.of(64, 576)) {
                MappedMatrix matrix = sparse(columns, type, density);
                MappedMatrix copy = layout.of(matrix, "some");
                assertFalse(copy.isSparse());
                assertEquals(type, copy.type());
                for (int i = 0; i < ROWS; i++) {
                    assertArrayEquals(row(matrix, i), row(copy, i), type + " " + density);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = ValueType.class,
            names = {"BF16", "INT8", "INT4", "Q8_0", "Q4_0"})
    void aCopyInBf16HasTheValuesRoundedToBf16(ValueType type) {
        var layout = new DenseLayout(new VectorKernels(), threads, Long.MAX_VALUE, memory);
        for (int columns : List.of(64, 100, 33, 1)) {
            MappedMatrix matrix = sparse(columns, type, 0.5);
            MappedMatrix copy = layout.of(matrix, "some");
            assertEquals(ValueType.BF16, copy.type());
            for (int i = 0; i < ROWS; i++) {
                float[] expected = row(matrix, i);
                float[] actual = row(copy, i);
                for (int j = 0; j < columns; j++) {
                    double halfUnit = Math.abs(expected[j]) * 0x1p-8;
                    assertEquals(expected[j], actual[j], halfUnit, type + " " + columns);
                }
            }
        }
    }

    @Test
    void whatMemoryDoesNotSufficeForStaysAsItIs() {
        int columns = 64;
        MappedMatrix first = sparse(columns, ValueType.INT8, 0.5);
        MappedMatrix second = sparse(columns, ValueType.INT8, 0.5);
        var layout = new DenseLayout(dense, threads, (long) ROWS * columns, memory);
        assertFalse(layout.of(first, "first").isSparse());
        assertSame(second, layout.of(second, "second"));
        assertTrue(layout.description().contains("1 more"), layout.description());
        assertEquals(0, layout.addedBytes("second"));
    }

    @Test
    void aMatrixThatIsUsedTwiceIsCopiedOnce() {
        MappedMatrix matrix = sparse(64, ValueType.INT8, 0.5);
        var layout = new DenseLayout(dense, threads, Long.MAX_VALUE, memory);
        assertSame(layout.of(matrix, "table"), layout.of(matrix, "table"));
    }

    /// Fused queries, keys and values do: the values of a sparse matrix's rows are found from the front of the tensor.
    @Test
    void partsOfATensorThatShareItsValuesHaveCopiesOfTheirOwn() {
        int columns = 64;
        MappedMatrix all = sparse(columns, ValueType.INT8, 0.5);
        var rest =
                new MappedMatrix(
                        ROWS - 1,
                        columns,
                        all.type(),
                        all.values(),
                        all.scales() + 2 * Short.BYTES,
                        all.bitmask() + columns / Byte.SIZE,
                        all.rowOffsets() + Long.BYTES,
                        all.share());
        var layout = new DenseLayout(dense, threads, Long.MAX_VALUE, memory);
        MappedMatrix ofAll = layout.of(all, "fused");
        MappedMatrix ofRest = layout.of(rest, "fused");
        for (int i = 1; i < ROWS; i++) {
            assertArrayEquals(row(all, i), row(ofAll, i));
            assertArrayEquals(row(all, i), row(ofRest, i - 1));
        }
    }

    @Test
    void matricesThatAreFastestAsTheyAreAreNotMentioned() {
        MappedMatrix matrix = sparse(64, ValueType.BF16, 0.5);
        var layout = new DenseLayout(scalar, threads, Long.MAX_VALUE, memory);
        assertSame(matrix, layout.of(matrix, "some"));
        assertEquals("", layout.description());
    }

    private MappedMatrix sparse(int columns, ValueType type, double density) {
        PackedMatrix packed = MatrixFixture.of(ROWS, columns, type, density, random, memory);
        return MappedMatrix.of(packed);
    }

    private float[] row(MappedMatrix matrix, int row) {
        float[] values = new float[RowKernels.padded(matrix.columns())];
        Scratch scratch = scalar.newScratch(matrix.columns(), memory);
        scalar.decode(matrix, row, values, 0, scratch);
        for (int j = 0; j < values.length; j++) {
            values[j] += 0f; // A zero times a negative scale is a negative zero.
        }
        return values;
    }
}
