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

/// One matrix on its way into a packed shard: first what its parts will take, later the parts.
final class MatrixPacker {

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final TensorInfo source;
    private final PackedEncoding encoding;
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
            PackedEncoding encoding,
            long kept,
            long stored,
            Optional<long[]> starts) {
        this.source = source;
        this.encoding = encoding;
        this.type = encoding.values();
        this.rows = weight.rows();
        this.columns = weight.columns();
        this.kept = kept;
        this.stored = stored;
        this.starts = starts;
    }

    /// Looks for zeros, and decides whether `weight` is stored sparse: where that is smaller.
    static MatrixPacker sparseOrDense(
            TensorView weight, TensorInfo source, PackedEncoding encoding) {
        var counts = new RowPacker.Count[weight.rows()];
        Arrays.parallelSetAll(counts, row -> RowPacker.count(weight, row, encoding.values()));
        long kept = 0;
        long stored = 0;
        long[] starts = new long[counts.length];
        for (int row = 0; row < counts.length; row++) {
            starts[row] = stored;
            stored += counts[row].stored();
            kept += counts[row].kept();
        }
        long dense = denseValues(weight, encoding.values());
        long saved = (dense - stored) * encoding.values().bits() / Byte.SIZE;
        return saved > placeBytes(weight)
                ? new MatrixPacker(weight, source, encoding, kept, stored, Optional.of(starts))
                : new MatrixPacker(weight, source, encoding, kept, dense, Optional.empty());
    }

    /// For a table, of which a row is read at a time.
    static MatrixPacker dense(TensorView weight, TensorInfo source, PackedEncoding encoding) {
        long all = (long) weight.rows() * weight.columns();
        long stored = denseValues(weight, encoding.values());
        return new MatrixPacker(weight, source, encoding, all, stored, Optional.empty());
    }

    /// How many values are stored where none is dropped.
    private static long denseValues(TensorView weight, ValueType type) {
        return weight.rows() * type.padded(weight.columns());
    }

    private static long placeBytes(TensorView weight) {
        return (long) weight.rows() * (Math.ceilDiv(weight.columns(), Byte.SIZE) + Long.BYTES);
    }

    /// The tensors that stand for the matrix.
    List<TensorInfo> parts() {
        if (starts.isEmpty() && !type.isQuantised()) {
            return List.of(TensorInfo.unplaced(source.name(), DType.BF16, source.shape()));
        }
        List<TensorInfo> parts = new ArrayList<>();
        long elements = stored * type.bits() / Byte.SIZE / encoding.elements().bytes();
        parts.add(part(PackedEncoding.VALUES, encoding.elements(), elements));
        if (type.isQuantised()) {
            parts.add(part(PackedEncoding.SCALES, DType.BF16, rows, ValueType.groups(columns)));
        }
        if (starts.isPresent()) {
            long rowBytes = Math.ceilDiv(columns, Byte.SIZE);
            parts.add(part(PackedEncoding.BITMASK, DType.U8, rows, rowBytes));
            parts.add(part(PackedEncoding.ROW_OFFSETS, DType.I64, rows));
        }
        parts.add(part(PackedEncoding.SHAPE, DType.I64, 2));
        return parts;
    }

    private TensorInfo part(String suffix, DType elements, long... shape) {
        return TensorInfo.unplaced(
                source.name() + suffix, elements, Arrays.stream(shape).boxed().toList());
    }

    /// The bytes of each of [#parts()], in memory of the arena.
    ///
    /// @throws InvalidInputException when a weight is NaN or infinite and the type cannot hold it
    Map<String, MemorySegment> pack(TensorView weight, Arena arena) {
        Map<String, MemorySegment> data = new LinkedHashMap<>();
        for (TensorInfo part : parts()) {
            data.put(part.name(), arena.allocate(part.length(), Long.BYTES));
        }
        MemorySegment values = data.get(source.name() + PackedEncoding.VALUES);
        var target =
                new PackedMatrix(
                        rows,
                        columns,
                        type,
                        values == null ? data.get(source.name()) : values,
                        Optional.ofNullable(data.get(source.name() + PackedEncoding.SCALES)),
                        starts.map(first -> places(first, data)));
        new RowPacker(weight, target).packAll();
        MemorySegment shape = data.get(source.name() + PackedEncoding.SHAPE);
        if (shape != null) {
            MemorySegment.copy(new long[] {rows, columns}, 0, shape, LONG, 0, 2);
        }
        return data;
    }

    private PackedMatrix.Places places(long[] first, Map<String, MemorySegment> data) {
        MemorySegment rowOffsets = data.get(source.name() + PackedEncoding.ROW_OFFSETS);
        MemorySegment.copy(first, 0, rowOffsets, LONG, 0, first.length);
        return new PackedMatrix.Places(
                data.get(source.name() + PackedEncoding.BITMASK), rowOffsets);
    }

    /// What became of the matrix.
    PackReport.Matrix report() {
        return new PackReport.Matrix(
                source.name(),
                rows,
                columns,
                kept,
                starts.isPresent() ? "sparse" : "dense",
                source.length(),
                parts().stream().mapToLong(TensorInfo::length).sum());
    }
}
