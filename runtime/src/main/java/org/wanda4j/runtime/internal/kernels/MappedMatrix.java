package org.wanda4j.runtime.internal.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.ValueType;

/// A [PackedMatrix] by the addresses of its parts: what kernels read.
///
/// The parts were checked against each other when the matrix was read, and stay mapped as long as the decoder is open.
///
/// @param rows outputs of a linear
/// @param columns inputs of a linear
/// @param values address of the values
/// @param scales address of the scales; 0 where the type has none
/// @param bitmask address of the bitmask; 0 where every value is there
/// @param rowOffsets address of the number of each row's first value; 0 where every value is there
/// @param share of the values that are there
public record MappedMatrix(
        int rows,
        int columns,
        ValueType type,
        long values,
        long scales,
        long bitmask,
        long rowOffsets,
        double share) {

    /// All memory. To read through a segment of its own costs every access a check of its bounds, its kind and its life
    /// that is not taken out of loops; a constant one costs nothing.
    @SuppressWarnings("restricted") // What is read through it was checked against its matrix.
    public static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    public static MappedMatrix of(PackedMatrix matrix) {
        return new MappedMatrix(
                matrix.rows(),
                matrix.columns(),
                matrix.type(),
                matrix.values().address(),
                matrix.scales().map(MemorySegment::address).orElse(0L),
                matrix.sparseIndex().map(index -> index.bitmask().address()).orElse(0L),
                matrix.sparseIndex().map(index -> index.rowOffsets().address()).orElse(0L),
                share(matrix));
    }

    /// Of all rows but the last, which has no end written down.
    private static double share(PackedMatrix matrix) {
        int last = matrix.rows() - 1;
        return matrix.sparseIndex().isEmpty() || last == 0
                ? 1
                : (double) (matrix.start(last) - matrix.start(0))
                        / ((long) last * matrix.columns());
    }

    public boolean isSparse() {
        return bitmask != 0;
    }

    /// Address of the first value of `row`.
    ///
    /// @throws IndexOutOfBoundsException where there is no such row: nothing else keeps an address within its matrix
    public long rowValues(int row) {
        Objects.checkIndex(row, rows);
        long first =
                isSparse()
                        ? MEMORY.get(LONG, rowOffsets + (long) row * Long.BYTES)
                        : row * type.padded(columns);
        return values + first * type.bits() / Byte.SIZE;
    }

    /// Address of the first scale of `row`, one for each group of columns.
    public long rowScales(int row) {
        return scales + (long) row * Math.ceilDiv(columns, ValueType.GROUP) * Short.BYTES;
    }

    /// Address of the bitmask of `row`.
    public long rowBitmask(int row) {
        return bitmask + (long) row * Math.ceilDiv(columns, Byte.SIZE);
    }

    /// The places of the 64 columns from `column` on.
    public static long word(long rowBitmask, int column, int columns) {
        return MEMORY.get(LONG, rowBitmask + (column >>> 3))
                & (-1L >>> Math.max(0, column + Long.SIZE - columns));
    }

    /// How many bytes the values take that `word` asks for.
    public static long wordBytes(ValueType type, long word) {
        int count = Long.bitCount(word);
        return type == ValueType.INT4 ? (count + 1) >>> 1 : (long) count * type.bits() / Byte.SIZE;
    }

    /// The scale of the group of columns that `column` is in.
    public static float scale(long rowScales, int column) {
        long address = rowScales + (long) (column / ValueType.GROUP) * Short.BYTES;
        return Float.intBitsToFloat(MEMORY.get(SHORT, address) << Short.SIZE);
    }
}
