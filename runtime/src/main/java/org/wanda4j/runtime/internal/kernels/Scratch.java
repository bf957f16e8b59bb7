package org.wanda4j.runtime.internal.kernels;

import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.wanda4j.checkpoint.ValueType;

/// Buffers of one thread: a few rows of a matrix, and copies of their bitmasks and scales on the heap.
///
/// The copies are made because reading a bitmask through a segment within a kernel makes it too large for the JIT compiler.
public class Scratch {

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// [RowKernels#TILE] padded rows.
    final float[] tile;

    /// Two padded rows.
    final float[] values;

    /// The bitmask of [RowKernels#TILE] rows, 64 columns each; 0 behind a row's end.
    final long[] words;

    /// The scales of as many rows: those of 64 columns in one, the first in the lower half; 0 behind a row's end.
    final int[] scales;

    /// The head that is being computed.
    public final CachedHead head = new CachedHead();

    /// @param widest columns of the widest matrix
    protected Scratch(int widest) {
        int width = RowKernels.padded(widest);
        this.tile = new float[RowKernels.TILE * width];
        this.values = new float[2 * width];
        this.words = new long[RowKernels.TILE * width / Long.SIZE];
        this.scales = new int[RowKernels.TILE * width / Long.SIZE];
    }

    /// Words of a row.
    public static int words(int columns) {
        return Math.ceilDiv(columns, Long.SIZE);
    }

    void readWords(MappedMatrix matrix, int first, int rows) {
        int columns = matrix.columns();
        int words = words(columns);
        if (columns % Long.SIZE == 0) {
            MemorySegment.copy(MEMORY, LONG, matrix.rowBitmask(first), this.words, 0, rows * words);
            return;
        }
        for (int i = 0; i < rows; i++) {
            long bitmask = matrix.rowBitmask(first + i);
            for (int k = 0; k < words; k++) {
                this.words[i * words + k] = MappedMatrix.word(bitmask, k * Long.SIZE, columns);
            }
        }
    }

    void readScales(MappedMatrix matrix, int first, int rows) {
        int columns = matrix.columns();
        int words = words(columns);
        if (columns % Long.SIZE == 0) {
            MemorySegment.copy(MEMORY, INT, matrix.rowScales(first), scales, 0, rows * words);
            return;
        }
        for (int i = 0; i < rows; i++) {
            long address = matrix.rowScales(first + i);
            for (int k = 0; k < words; k++) {
                int pair = MEMORY.get(INT, address + (long) k * Integer.BYTES);
                boolean both = columns - k * Long.SIZE > ValueType.GROUP;
                scales[i * words + k] = both ? pair : pair & 0xffff;
            }
        }
    }
}
