package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/// A matrix as it lies in a file: the values that are there, row after row, and where they go.
///
/// Without `places` every value is there, and row `i` starts at value `i * stride`, the columns rounded up to whole groups
/// where the type is quantised. With `places` a quantised row is filled up to whole groups in the same way. Every segment
/// is at least [#SLACK] bytes longer than the matrix needs: kernels read whole vectors.
///
/// @param rows outputs of a linear
/// @param columns inputs of a linear
/// @param type of the values
/// @param values little-endian, row after row
/// @param scales one bf16 a group of values, where the type is quantised
/// @param places which values are there, where not all are
public record PackedMatrix(
        int rows,
        int columns,
        ValueType type,
        MemorySegment values,
        Optional<MemorySegment> scales,
        Optional<Places> places) {

    /// Bytes that may be read behind the last one of each segment.
    public static final int SLACK = 64;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Which values a sparse matrix has: the layout of compressed-tensors' `sparse-bitmask`.
    ///
    /// @param bitmask a 1 for each value that is there; lowest bit first, a row starts at a byte
    /// @param rowOffsets number of the first value of each row, as int64
    public record Places(MemorySegment bitmask, MemorySegment rowOffsets) {}

    /// Number of the first value of `row`.
    public long start(int row) {
        return places.isPresent()
                ? places.get().rowOffsets().get(LONG, row * 8L)
                : row * type.padded(columns);
    }

    /// Writes the weights of `row` to the front of `out`, zeros included. The reference for every kernel.
    public void decode(int row, float[] out) {
        long at = start(row);
        for (int column = 0; column < columns; column++) {
            out[column] = has(row, column) ? value(at++) : 0;
        }
    }

    private boolean has(int row, int column) {
        if (places.isEmpty()) {
            return true;
        }
        long rowBytes = Math.ceilDiv(columns, Byte.SIZE);
        byte bits =
                places.get().bitmask().get(ValueLayout.JAVA_BYTE, row * rowBytes + (column >>> 3));
        return (bits >>> (column & 7) & 1) != 0;
    }

    private float value(long index) {
        return switch (type) {
            case F32 -> DType.F32.get(values, index);
            case F16 -> DType.F16.get(values, index);
            case BF16 -> DType.BF16.get(values, index);
            case INT8 -> values.get(ValueLayout.JAVA_BYTE, index) * scale(index);
            case INT4 -> (nibble(index) - 8) * scale(index);
        };
    }

    private float scale(long index) {
        return DType.BF16.get(scales.orElseThrow(), index / ValueType.GROUP);
    }

    private int nibble(long index) {
        int half = ValueType.GROUP / 2;
        long group = index / ValueType.GROUP;
        int place = (int) (index % ValueType.GROUP);
        byte pair = values.get(ValueLayout.JAVA_BYTE, group * half + place % half);
        return place < half ? pair & 15 : pair >>> 4 & 15;
    }
}
