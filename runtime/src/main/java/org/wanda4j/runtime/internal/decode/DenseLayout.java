package org.wanda4j.runtime.internal.decode;

import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// Copies matrices to memory as dense ones where the kernels compute faster with those, as far as memory allows.
///
/// A copy of the same type has the same values. One in bf16 of a quantised matrix has the values that the checkpoint is read with:
/// `q * s` rounded to bf16.
final class DenseLayout {

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int CACHE_LINE = 64;
    private static final long LOWER_NIBBLES = 0x0f0f0f0f0f0f0f0fL;
    private static final int NIBBLE = 4;

    private final RowKernels kernels;
    private final SpinningThreadPool threads;
    private final long mostBytes;
    private final Arena memory;

    /// By what they are copies of: the embedding's table may be the head's too.
    private final Map<MappedMatrix, MappedMatrix> copies = new HashMap<>();

    /// By the name of the tensor, how many bytes more it takes.
    private final Map<String, Long> added = new HashMap<>();

    private long bytes;
    private int refused;

    /// @param mostBytes of all copies
    /// @param memory of the copies
    DenseLayout(RowKernels kernels, SpinningThreadPool threads, long mostBytes, Arena memory) {
        this.kernels = kernels;
        this.threads = threads;
        this.mostBytes = mostBytes;
        this.memory = memory;
    }

    /// `matrix`, or the copy of it that the kernels compute faster with.
    ///
    /// @param tensor that the matrix is, or is a part of
    MappedMatrix of(MappedMatrix matrix, String tensor) {
        Optional<ValueType> type = kernels.denseType(matrix, threads.size());
        if (type.isEmpty()) {
            return matrix;
        }
        MappedMatrix known = copies.get(matrix);
        if (known != null) {
            return known;
        }
        long size = matrix.rows() * rowBytes(type.get(), matrix.columns());
        if (size > mostBytes - bytes) {
            refused++;
            return matrix;
        }
        bytes += size;
        MappedMatrix copy = copy(matrix, type.get(), size);
        added.merge(tensor, copy.bytes() - matrix.bytes(), Long::sum);
        copies.put(matrix, copy);
        return copy;
    }

    /// How many bytes more the copies of a tensor's matrices take than those.
    long addedBytes(String tensor) {
        return added.getOrDefault(tensor, 0L);
    }

    /// What was done, in words; empty where nothing was to do.
    String description() {
        if (copies.isEmpty() && refused == 0) {
            return "";
        }
        String done =
                "%d matrices laid out dense in %.1f MB, as these kernels are fastest with"
                        .formatted(copies.size(), bytes / 1e6);
        return refused == 0
                ? done
                : done + "; %d more would take more memory than is theirs".formatted(refused);
    }

    private static long rowBytes(ValueType type, int columns) {
        return type.padded(columns) * type.bits() / Byte.SIZE;
    }

    private MappedMatrix copy(MappedMatrix matrix, ValueType type, long size) {
        long address = memory.allocate(size + PackedMatrix.SLACK, CACHE_LINE).address();
        boolean same = type == matrix.type();
        var copy =
                new MappedMatrix(
                        matrix.rows(),
                        matrix.columns(),
                        type,
                        address,
                        same ? matrix.scales() : 0,
                        0,
                        0,
                        1);
        if (same && matrix.columns() % Long.SIZE == 0) {
            threads.run((_, share) -> {
                int from = threads.first(share, matrix.rows(), 1);
                int to = threads.first(share + 1, matrix.rows(), 1);
                for (int row = from; row < to; row++) {
                    expand(matrix, row, copy.rowValues(row));
                }
            });
        } else if (type == ValueType.BF16) {
            threads.run((_, share) -> round(matrix, share, copy));
        } else {
            throw new IllegalArgumentException(
                    "no dense copy in %s of %s with %d columns"
                            .formatted(type, matrix.type(), matrix.columns()));
        }
        return copy;
    }

    /// Writes the values of a sparse row, zeros included, 64 bits at a time.
    private static void expand(MappedMatrix matrix, int row, long to) {
        ValueType type = matrix.type();
        int bits = type.bits();
        int each = Long.SIZE / bits;
        long lowest = 1L;
        for (int i = 1; i < each; i++) {
            lowest |= 1L << (i * bits);
        }
        long value = (1L << bits) - 1;
        long bitmask = matrix.rowBitmask(row);
        long run = matrix.rowValues(row);
        for (int column = 0; column < matrix.columns(); column += Long.SIZE) {
            long word = MappedMatrix.word(bitmask, column, matrix.columns());
            long at = 0;
            for (int j = 0; j < Long.SIZE; j += each) {
                long places = (word >>> j) & ((1L << each) - 1);
                long some =
                        type.isHalves()
                                ? nibbles(run, at)
                                : MEMORY.get(LONG, run + at * bits / Byte.SIZE);
                long dense = Long.expand(some, Long.expand(places, lowest) * value);
                MEMORY.set(LONG, to, type.isHalves() ? swapNibbles(dense) : dense);
                to += Long.BYTES;
                at += Long.bitCount(places);
            }
            run += MappedMatrix.wordBytes(type, word);
        }
    }

    /// 16 values of int4 from number `first` on, the first in the lowest bits.
    private static long nibbles(long address, long first) {
        long from = address + first / 2;
        long some = swapNibbles(MEMORY.get(LONG, from));
        if (first % 2 == 0) {
            return some;
        }
        long next = (long) MEMORY.get(ValueLayout.JAVA_BYTE, from + Long.BYTES) >>> NIBBLE;
        return (some >>> NIBBLE) | (next << (Long.SIZE - NIBBLE));
    }

    private static long swapNibbles(long bytes) {
        return ((bytes & LOWER_NIBBLES) << NIBBLE) | ((bytes >>> NIBBLE) & LOWER_NIBBLES);
    }

    /// Writes rows in bf16, rounded to nearest, ties to even.
    private void round(MappedMatrix matrix, int share, MappedMatrix copy) {
        float[] row = new float[RowKernels.padded(matrix.columns())];
        try (Arena own = Arena.ofConfined()) {
            Scratch scratch = kernels.newScratch(matrix.columns(), own);
            int end = threads.first(share + 1, matrix.rows(), 1);
            for (int i = threads.first(share, matrix.rows(), 1); i < end; i++) {
                kernels.decode(matrix, i, row, 0, scratch);
                long to = copy.rowValues(i);
                for (int j = 0; j < matrix.columns(); j++) {
                    MEMORY.set(SHORT, to + (long) j * Short.BYTES, UpperHalf.rounded(row[j]));
                }
            }
        }
    }
}
