package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/// A matrix as it lies in a file: the values that are there, row after row, and where they go.
///
/// Without `places` every value is there, and value `(row, column)` is stored value `row * type.padded(columns) + column`:
/// a quantised row is filled up with zeros to whole groups. With `places` the values that are there follow each other; in
/// int4 those of each [ValueType#RUN] columns are filled up with a zero to whole bytes.
///
/// A quantised value is `q * s`. The scale `s` of `(row, column)` is number
/// `row * ceil(columns / GROUP) + column / GROUP`, with and without `places`; it is finite and not negative, so that a
/// kernel may multiply what it reads beside the values by it.
///
/// Every segment is at least [#SLACK] bytes longer than the matrix needs: kernels read whole vectors.
///
/// @param rows outputs of a linear
/// @param columns inputs of a linear
/// @param type of the values
/// @param values little-endian, row after row
/// @param scales one bf16 for each group of columns of each row, where the type is quantised
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

    /// Which values a sparse matrix has. With bf16 values it is the layout of compressed-tensors' `sparse-bitmask`.
    ///
    /// @param bitmask a 1 for each value that is there; lowest bit first, a row starts at a byte
    /// @param rowOffsets number of the first stored value of each row, as int64
    public record Places(MemorySegment bitmask, MemorySegment rowOffsets) {}

    /// Number of the first stored value of `row`.
    public long start(int row) {
        return places.isPresent()
                ? places.get().rowOffsets().get(LONG, row * 8L)
                : row * type.padded(columns);
    }

    /// Writes the weights of `row` to the front of `out`, zeros included. The reference for every kernel.
    public void decode(int row, float[] out) {
        long at = start(row);
        for (int column = 0; column < columns; column++) {
            if (column % ValueType.RUN == 0) {
                at = type.filled(at);
            }
            out[column] = has(row, column) ? value(at++, row, column) : 0;
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

    private float value(long index, int row, int column) {
        return switch (type) {
            case F32 -> DType.F32.get(values, index);
            case F16 -> DType.F16.get(values, index);
            case BF16 -> DType.BF16.get(values, index);
            case INT8 -> values.get(ValueLayout.JAVA_BYTE, index) * scale(row, column);
            case INT4 -> nibble(index) * scale(row, column);
        };
    }

    private float scale(int row, int column) {
        long index = row * ValueType.groups(columns) + column / ValueType.GROUP;
        return DType.BF16.get(scales.orElseThrow(), index);
    }

    private int nibble(long index) {
        byte pair = values.get(ValueLayout.JAVA_BYTE, index / 2);
        return (index & 1) == 0 ? pair >> 4 : (byte) (pair << 4) >> 4;
    }
}
