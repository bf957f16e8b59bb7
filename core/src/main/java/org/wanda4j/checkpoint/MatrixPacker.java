package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/// Packs one matrix: first computes the sizes of its parts, later their bytes.
final class MatrixPacker {

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final TensorInfo source;
    private final PackedLayout layout;
    private final ValueType type;
    private final int rows;
    private final int columns;

    /// Where each row starts among the stored values, where the matrix is stored sparse.
    private final Optional<long[]> starts;

    private final long stored;
    private final long kept;

    private MatrixPacker(
            TensorView weight,
            TensorInfo source,
            PackedLayout layout,
            ValueType type,
            long kept,
            long stored,
            Optional<long[]> starts) {
        this.source = source;
        this.layout = layout;
        this.type = type;
        this.rows = weight.rows();
        this.columns = weight.columns();
        this.kept = kept;
        this.stored = stored;
        this.starts = starts;
    }

    /// Counts zeros, and stores `weight` sparse where that is smaller.
    ///
    /// @param weight the matrix that the tensor is stored as
    static MatrixPacker sparseOrDense(
            TensorView weight, TensorInfo source, PackedLayout layout, ValueType type) {
        var counts = new RowPacker.Count[weight.rows()];
        Arrays.parallelSetAll(counts, row -> RowPacker.count(weight, row, type));
        long kept = 0;
        long stored = 0;
        long[] starts = new long[counts.length];
        for (int row = 0; row < counts.length; row++) {
            starts[row] = stored;
            stored += counts[row].stored();
            kept += counts[row].kept();
        }
        long dense = denseValues(weight, type);
        long saved = (dense - stored) * type.bits() / Byte.SIZE;
        return saved > placeBytes(weight)
                ? new MatrixPacker(weight, source, layout, type, kept, stored, Optional.of(starts))
                : new MatrixPacker(weight, source, layout, type, kept, dense, Optional.empty());
    }

    /// For a table, of which a row is read at a time.
    static MatrixPacker dense(TensorView weight, TensorInfo source, ValueType type) {
        long all = (long) weight.rows() * weight.columns();
        long stored = denseValues(weight, type);
        var layout = new PackedLayout(source.shape(), false);
        return new MatrixPacker(weight, source, layout, type, all, stored, Optional.empty());
    }

    /// How many values are stored where none is dropped.
    private static long denseValues(TensorView weight, ValueType type) {
        return weight.rows() * type.padded(weight.columns());
    }

    private static long placeBytes(TensorView weight) {
        return (long) weight.rows() * (Math.ceilDiv(weight.columns(), Byte.SIZE) + Long.BYTES);
    }

    /// Whether the tensor stays one of its own: bf16 and dense.
    private boolean isTensor() {
        return starts.isEmpty() && !type.isQuantised();
    }

    /// The version of the format that a reader of the matrix needs at least.
    ///
    /// @param values the type that the shard's header names
    int version(ValueType values) {
        if (!isTensor() && (type != values || type == ValueType.INT4)) {
            return 3;
        }
        return isTensor() || layout.isPlain() ? 1 : 2;
    }

    /// The tensors that the matrix is stored as.
    List<TensorInfo> parts() {
        if (isTensor()) {
            return List.of(TensorInfo.unplaced(source.name(), DType.BF16, source.shape()));
        }
        List<TensorInfo> parts = new ArrayList<>();
        DType elementType = PackedEncoding.elements(type);
        long elements = stored * type.bits() / Byte.SIZE / elementType.bytes();
        parts.add(part(PackedEncoding.VALUES, elementType, elements));
        if (type.isQuantised()) {
            parts.add(part(PackedEncoding.SCALES, DType.BF16, rows, ValueType.groups(columns)));
        }
        if (starts.isPresent()) {
            long rowBytes = Math.ceilDiv(columns, Byte.SIZE);
            parts.add(part(PackedEncoding.BITMASK, DType.U8, rows, rowBytes));
            parts.add(part(PackedEncoding.ROW_OFFSETS, DType.I64, rows));
        }
        parts.add(part(PackedEncoding.SHAPE, DType.I64, layout.shape().size()));
        if (layout.transposed()) {
            parts.add(part(PackedEncoding.TRANSPOSED, DType.U8, 1));
        }
        return parts;
    }

    private TensorInfo part(String suffix, DType elements, long... shape) {
        return TensorInfo.unplaced(
                source.name() + suffix, elements, Arrays.stream(shape).boxed().toList());
    }

    /// The bytes of each of [#parts()], in memory of the arena.
    ///
    /// @param tensor what is packed
    /// @param rounded what some of its rows were rounded to
    /// @throws InvalidInputException when a weight is NaN or infinite and the type cannot hold it
    Map<String, MemorySegment> pack(TensorView tensor, List<RoundedMatrix> rounded, Arena arena) {
        Map<String, MemorySegment> data = new LinkedHashMap<>();
        for (TensorInfo part : parts()) {
            data.put(part.name(), arena.allocate(part.length(), Long.BYTES));
        }
        PackedLayout target = isTensor() ? new PackedLayout(source.shape(), false) : layout;
        MemorySegment values = data.get(source.name() + PackedEncoding.VALUES);
        var matrix =
                new PackedMatrix(
                        target.rows(),
                        target.columns(),
                        type,
                        values == null ? data.get(source.name()) : values,
                        Optional.ofNullable(data.get(source.name() + PackedEncoding.SCALES)),
                        starts.map(first -> sparseIndex(first, data)));
        new RowPacker(target.matrix(tensor, arena), matrix, rounded).packAll();
        if (!isTensor()) {
            putLayout(data);
        }
        return data;
    }

    private void putLayout(Map<String, MemorySegment> data) {
        long[] shape = layout.shape().stream().mapToLong(Long::longValue).toArray();
        MemorySegment extents = data.get(source.name() + PackedEncoding.SHAPE);
        MemorySegment.copy(shape, 0, extents, LONG, 0, shape.length);
        if (layout.transposed()) {
            data.get(source.name() + PackedEncoding.TRANSPOSED)
                    .set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
        }
    }

    private PackedMatrix.SparseIndex sparseIndex(long[] first, Map<String, MemorySegment> data) {
        MemorySegment rowOffsets = data.get(source.name() + PackedEncoding.ROW_OFFSETS);
        MemorySegment.copy(first, 0, rowOffsets, LONG, 0, first.length);
        return new PackedMatrix.SparseIndex(
                data.get(source.name() + PackedEncoding.BITMASK), rowOffsets);
    }

    /// The report on the matrix.
    ///
    /// @param bytesBefore that its tensor takes in the file which it is read from
    /// @param outputError where it was measured
    PackReport.Matrix report(long bytesBefore, OptionalDouble outputError) {
        return new PackReport.Matrix(
                source.name(),
                rows,
                columns,
                kept,
                starts.isPresent() ? "sparse" : "dense",
                type.label(),
                bytesBefore,
                parts().stream().mapToLong(TensorInfo::length).sum(),
                outputError);
    }
}
