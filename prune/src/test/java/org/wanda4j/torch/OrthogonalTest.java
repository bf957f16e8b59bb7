package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Against matrices whose singular vectors are known: some rows of a Hadamard matrix, each by a factor of its own.
class OrthogonalTest {

    static {
        NativeLibraries.load();
    }

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    @ParameterizedTest
    @CsvSource({
        "1, 8, FP32",
        "8, 16, FP32",
        "100, 128, FP32",
        "100, 128, BF16",
        "250, 256, FP32", // Two blocks.
        "500, 512, BF16"
    })
    void singularVectorsStayAndSingularValuesComeNearOne(
            int rows, int length, ComputeType products) {
        for (boolean tall : new boolean[] {false, true}) {
            try (Arena memory = Arena.ofConfined()) {
                MemorySegment matrix = memory.allocate(4L * rows * length, 64);
                for (int i = 0; i < rows; i++) {
                    for (int j = 0; j < length; j++) {
                        set(matrix, i, j, rows, length, tall, hadamard(i, j) * (1 + i % 4));
                    }
                }
                replace(matrix, tall ? length : rows, tall ? rows : length, products);
                for (int i = 0; i < rows; i++) {
                    for (int k = 0; k < rows; k++) {
                        double product = 0;
                        for (int j = 0; j < length; j++) {
                            product +=
                                    get(matrix, i, j, rows, length, tall)
                                            * hadamard(k, j)
                                            / Math.sqrt(length);
                        }
                        if (i == k) {
                            assertTrue(product > 0.5 && product < 1.4, i + ": " + product);
                        } else {
                            assertEquals(0, product, products == ComputeType.FP32 ? 1e-4 : 0.03);
                        }
                    }
                }
            }
        }
    }

    private static void replace(MemorySegment matrix, int rows, int columns, ComputeType products) {
        try (var _ = new PointerScope()) {
            Orthogonal.replace(Tensors.over(matrix, ScalarType.Float, rows, columns), products);
        }
    }

    private static int hadamard(int i, int j) {
        return Integer.bitCount(i & j) % 2 == 0 ? 1 : -1;
    }

    private static long index(int i, int j, int rows, int length, boolean tall) {
        return tall ? (long) j * rows + i : (long) i * length + j;
    }

    private static void set(
            MemorySegment matrix, int i, int j, int rows, int length, boolean tall, float value) {
        matrix.setAtIndex(FLOAT, index(i, j, rows, length, tall), value);
    }

    private static float get(
            MemorySegment matrix, int i, int j, int rows, int length, boolean tall) {
        return matrix.getAtIndex(FLOAT, index(i, j, rows, length, tall));
    }
}
