package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntUnaryOperator;

/// A matrix as stored in a file: its values, row after row, and their positions.
///
/// Without `sparseIndex` every value is stored, and value `(row, column)` is stored value `row * type.padded(columns) + column`:
/// a quantised row is padded with zeros to whole groups. With `sparseIndex` only kept values are stored; in
/// int4 those of each [ValueType#RUN] columns are padded with a zero to whole bytes.
///
/// A quantised value is `q * s`. The scale `s` of `(row, column)` is number
/// `row * ceil(columns / GROUP) + column / GROUP`, with and without `sparseIndex`; it is finite, so that a kernel may multiply
/// what it reads beside the values by it.
///
/// Every segment is at least [#SLACK] bytes longer than the matrix needs: kernels read whole vectors.
///
/// @param rows outputs of a linear
/// @param columns inputs of a linear
/// @param type of the values
/// @param values little-endian, row after row
/// @param scales one for each group of columns of each row, where the type is quantised
/// @param sparseIndex positions of the stored values; empty where all are stored
public record PackedMatrix(
        int rows,
        int columns,
        ValueType type,
        MemorySegment values,
        Optional<MemorySegment> scales,
        Optional<SparseIndex> sparseIndex) {

    /// Bytes that may be read behind the last one of each segment.
    public static final int SLACK = 64;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Positions of the values of a sparse matrix. With bf16 values it is the layout of compressed-tensors' `sparse-bitmask`.
    ///
    /// @param bitmask a 1 for each stored value; lowest bit first, a row starts at a byte
    /// @param rowOffsets number of the first stored value of each row, as int64
    public record SparseIndex(MemorySegment bitmask, MemorySegment rowOffsets) {}

    /// Number of the first stored value of `row`.
    public long start(int row) {
        return sparseIndex.isPresent()
                ? sparseIndex.get().rowOffsets().get(LONG, row * 8L)
                : row * type.padded(columns);
    }

    /// Number of values that `row` stores, padding included.
    long stored(int row) {
        if (sparseIndex.isEmpty()) {
            return type.padded(columns);
        }
        MemorySegment bitmask = sparseIndex.get().bitmask();
        long from = row * rowBytes();
        long count = 0;
        int column = 0;
        for (; column + ValueType.RUN <= columns; column += ValueType.RUN) {
            count += type.filled(Long.bitCount(bitmask.get(LONG, from + column / Byte.SIZE)));
        }
        if (column < columns) { // What is read behind the last byte is left out.
            long run = bitmask.get(LONG, from + column / Byte.SIZE) & ~(-1L << (columns - column));
            count += type.filled(Long.bitCount(run));
        }
        return count;
    }

    /// The rows of a view of this: in the same memory where they follow each other, else a copy.
    ///
    /// @param view of the tensor that this is, transposed as this is
    /// @param memory for a copy
    PackedMatrix rows(MatrixView view, Arena memory) {
        return view.run() == view.rows()
                ? rows(view.row(0), view.rows())
                : rows(view::row, view.rows(), memory);
    }

    private PackedMatrix rows(int first, int count) {
        Objects.checkFromIndexSize(first, count, rows);
        long before = first * ValueType.groups(columns) * Short.BYTES;
        return new PackedMatrix(
                count,
                columns,
                type,
                sparseIndex.isPresent() ? values : values.asSlice(bytes(start(first))),
                scales.map(part -> part.asSlice(before)),
                sparseIndex.map(parts ->
                        new SparseIndex(
                                parts.bitmask.asSlice(first * rowBytes()),
                                parts.rowOffsets.asSlice((long) first * Long.BYTES))));
    }

    private PackedMatrix rows(IntUnaryOperator source, int count, Arena memory) {
        long groups = ValueType.groups(columns) * Short.BYTES;
        long stored = 0;
        for (int i = 0; i < count; i++) {
            stored += stored(source.applyAsInt(i));
        }
        var copy =
                new PackedMatrix(
                        count,
                        columns,
                        type,
                        room(bytes(stored), memory),
                        scales.map(_ -> room(count * groups, memory)),
                        sparseIndex.map(_ ->
                                new SparseIndex(
                                        room(count * rowBytes(), memory),
                                        room((long) count * Long.BYTES, memory))));
        long at = 0;
        for (int i = 0; i < count; i++) {
            int row = source.applyAsInt(i);
            long length = stored(row);
            copy(values, bytes(start(row)), copy.values, bytes(at), bytes(length));
            if (scales.isPresent()) {
                copy(scales.get(), row * groups, copy.scales.get(), i * groups, groups);
            }
            if (sparseIndex.isPresent()) {
                SparseIndex to = copy.sparseIndex.get();
                copy(
                        sparseIndex.get().bitmask,
                        row * rowBytes(),
                        to.bitmask,
                        i * rowBytes(),
                        rowBytes());
                to.rowOffsets.set(LONG, (long) i * Long.BYTES, at);
            }
            at += length;
        }
        return copy;
    }

    private static MemorySegment room(long bytes, Arena memory) {
        return memory.allocate(bytes + SLACK, SLACK);
    }

    private static void copy(
            MemorySegment from, long offset, MemorySegment to, long place, long bytes) {
        MemorySegment.copy(from, offset, to, place, bytes);
    }

    private long bytes(long stored) {
        return stored * type.bits() / Byte.SIZE;
    }

    private long rowBytes() {
        return Math.ceilDiv(columns, Byte.SIZE);
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
        if (sparseIndex.isEmpty()) {
            return true;
        }
        long index = row * rowBytes() + (column >>> 3);
        byte bits = sparseIndex.get().bitmask().get(ValueLayout.JAVA_BYTE, index);
        return (bits >>> (column & 7) & 1) != 0;
    }

    private float value(long index, int row, int column) {
        return switch (type) {
            case F32 -> DType.F32.get(values, index);
            case F16 -> DType.F16.get(values, index);
            case BF16 -> DType.BF16.get(values, index);
            case INT8 -> product(values.get(ValueLayout.JAVA_BYTE, index), scale(row, column));
            case INT4 -> product(nibble(index), scale(row, column));
            case Q8_0 -> values.get(ValueLayout.JAVA_BYTE, index) * scale(row, column);
            case Q4_0 -> nibble(index) * scale(row, column);
        };
    }

    /// A zero is positive, whatever the sign of the scale.
    private static float product(int q, float scale) {
        return q == 0 ? 0 : q * scale;
    }

    private float scale(int row, int column) {
        long index = row * ValueType.groups(columns) + column / ValueType.GROUP;
        return type.scales().get(scales.orElseThrow(), index);
    }

    private int nibble(long index) {
        byte pair = values.get(ValueLayout.JAVA_BYTE, index / 2);
        return (index & 1) == 0 ? pair >> 4 : (byte) (pair << 4) >> 4;
    }
}
