package org.wanda4j.sparse;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.wanda4j.checkpoint.DType;

/// The reference for [WeightKernels], a weight at a time.
final class ScalarWeightKernels implements WeightKernels {

    private static final ValueLayout.OfShort SHORT =
            JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Columns of a row.
    static int columns(MemorySegment row, DType type) {
        if (!type.isWeight()) {
            throw new IllegalArgumentException("not a weight type: " + type);
        }
        return Math.toIntExact(row.byteSize() / type.bytes());
    }

    @Override
    public boolean scores(MemorySegment row, DType type, float[] norms, float[] scores) {
        return scores(row, type, norms, scores, 0);
    }

    /// As [#scores(MemorySegment, DType, float\[\], float\[\])] for the columns from `from` on.
    static boolean scores(MemorySegment row, DType type, float[] norms, float[] scores, int from) {
        boolean finite = true;
        for (int j = from, columns = columns(row, type); j < columns; j++) {
            float weight = type.get(row, j);
            finite &= Float.isFinite(weight);
            scores[j] = Math.abs(weight) * norms[j];
        }
        return finite;
    }

    @Override
    public void zero(
            MemorySegment from, MemorySegment to, DType type, long[] words, int firstWord) {
        zero(from, to, type, words, firstWord, 0);
    }

    /// As [#zero(MemorySegment, MemorySegment, DType, long\[\], int)] for the columns from `start` on.
    static void zero(
            MemorySegment from,
            MemorySegment to,
            DType type,
            long[] words,
            int firstWord,
            int start) {
        for (int j = start, columns = columns(from, type); j < columns; j++) {
            boolean removed = (words[firstWord + (j >>> 6)] >>> j & 1) != 0;
            if (type.bytes() == Short.BYTES) {
                to.set(SHORT, j * 2L, removed ? 0 : from.get(SHORT, j * 2L));
            } else {
                to.set(INT, j * 4L, removed ? 0 : from.get(INT, j * 4L));
            }
        }
    }

    @Override
    public int markZeros(MemorySegment row, DType type, long[] words, int firstWord) {
        return markZeros(row, type, words, firstWord, 0);
    }

    /// As [#markZeros(MemorySegment, DType, long\[\], int)] for the columns from `start` on.
    static int markZeros(MemorySegment row, DType type, long[] words, int firstWord, int start) {
        int count = 0;
        for (int j = start, columns = columns(row, type); j < columns; j++) {
            if (type.get(row, j) == 0) {
                words[firstWord + (j >>> 6)] |= 1L << j;
                count++;
            }
        }
        return count;
    }
}
