package org.wanda4j.runtime.internal.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.ValueType;

/// The addresses of a [PackedMatrix]'s parts, which kernels read.
///
/// The parts were checked against each other when the matrix was read, and stay mapped as long as the decoder is open.
///
/// @param rows outputs of a linear
/// @param columns inputs of a linear
/// @param values address of the values
/// @param scales address of the scales; 0 where the type has none
/// @param bitmask address of the bitmask; 0 where every value is stored
/// @param rowOffsets address of the number of each row's first value; 0 where every value is stored
/// @param share of the values that are stored, 0 to 1
public record MappedMatrix(
        int rows,
        int columns,
        ValueType type,
        long values,
        long scales,
        long bitmask,
        long rowOffsets,
        double share) {

    /// All memory. Access through a segment for each matrix would check bounds, kind and liveness, which the compiler does not hoist out
    /// of loops; a constant segment has no such cost.
    @SuppressWarnings("restricted") // What is read through it was checked against its matrix.
    public static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// The addresses of `matrix`, whose memory has to stay mapped.
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

    /// Share of all rows but the last, whose end is not stored.
    private static double share(PackedMatrix matrix) {
        int last = matrix.rows() - 1;
        return matrix.sparseIndex().isEmpty() || last == 0
                ? 1
                : (double) (matrix.start(last) - matrix.start(0))
                        / ((long) last * matrix.columns());
    }

    /// Bytes of all its parts, the row offsets left out.
    public long bytes() {
        long stored = isSparse() ? Math.round(share * columns) : type.padded(columns);
        long values = stored * type.bits() / Byte.SIZE;
        long ofScales = scales == 0 ? 0 : Math.ceilDiv(columns, ValueType.GROUP) * Short.BYTES;
        long ofBitmask = isSparse() ? Math.ceilDiv(columns, Byte.SIZE) : 0;
        return rows * (values + ofScales + ofBitmask);
    }

    /// Whether only some of the values are stored.
    public boolean isSparse() {
        return bitmask != 0;
    }

    /// Address of the first value of `row`.
    ///
    /// @throws IndexOutOfBoundsException where there is no such row; the address is not checked later
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

    /// The bitmask of the 64 columns from `column` on.
    public static long word(long rowBitmask, int column, int columns) {
        return MEMORY.get(LONG, rowBitmask + (column >>> 3))
                & (-1L >>> Math.max(0, column + Long.SIZE - columns));
    }

    /// Bytes of the values whose bits are set in `word`.
    public static long wordBytes(ValueType type, long word) {
        int count = Long.bitCount(word);
        return type.isHalves() ? (count + 1) >>> 1 : (long) count * type.bits() / Byte.SIZE;
    }

    /// The scale of the group of columns that `column` is in.
    public static float scale(ValueType type, long rowScales, int column) {
        long address = rowScales + (long) (column / ValueType.GROUP) * Short.BYTES;
        short scale = MEMORY.get(SHORT, address);
        return type.scales() == DType.F16
                ? Float.float16ToFloat(scale)
                : Float.intBitsToFloat(scale << Short.SIZE);
    }
}
