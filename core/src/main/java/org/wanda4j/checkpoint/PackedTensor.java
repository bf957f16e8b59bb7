package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/// A matrix whose parts are tensors of the file ([PackedEncoding]).
///
/// @param info what it decodes to
/// @param layout how that lies in the matrix
/// @param type of the values
/// @param values kept values, row after row
/// @param scales of groups of columns, where the type is quantised
/// @param sparseIndex which values are kept, where not all are
record PackedTensor(
        Safetensors shard,
        TensorInfo info,
        PackedLayout layout,
        ValueType type,
        TensorInfo values,
        Optional<TensorInfo> scales,
        Optional<SparseIndexTensors> sparseIndex)
        implements StoredTensor {

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// The sign bit of each of four scales.
    private static final long SIGNS = 0x8000_8000_8000_8000L;

    /// The lowest bit of each one's exponent, in bf16 and in fp16.
    private static final long BF16_EXPONENTS = 0x0080_0080_0080_0080L;

    private static final long F16_EXPONENTS = 0x0400_0400_0400_0400L;

    /// Tensors of the positions of a sparse matrix's values.
    record SparseIndexTensors(TensorInfo bitmask, TensorInfo rowOffsets) {}

    /// The matrix `name` of `shard`, its parts checked against each other.
    ///
    /// @throws InvalidInputException when they do not fit together
    static PackedTensor of(Safetensors shard, String name, PackedEncoding encoding) {
        return new PackedParts(shard, name, encoding).read();
    }

    @Override
    public TensorView map(Arena arena) {
        try (Arena file = Arena.ofConfined()) {
            PackedMatrix matrix = matrix(shard.mapWhole(file));
            MemorySegment data = arena.allocate(info.length(), DType.F32.bytes());
            var tensor = new TensorView(info.name(), info.type(), info.shape(), data);
            if (layout.transposed()) {
                MemorySegment decoded = file.allocate(info.length(), DType.F32.bytes());
                decode(matrix, decoded);
                layout.put(decoded, tensor);
            } else {
                decode(matrix, data);
            }
            return tensor;
        }
    }

    /// Decodes nothing but the rows of the view.
    @Override
    public TensorView map(MatrixView view, Arena arena) {
        if (view.transposed() != layout.transposed()) {
            return view.of(map(arena), arena);
        }
        try (Arena file = Arena.ofConfined()) {
            PackedMatrix whole = unchecked(shard.mapWhole(file));
            check(whole, view.row(0), view.row(view.rows() - 1) + 1);
            List<Long> shape = List.of((long) view.rows(), (long) view.columns());
            MemorySegment data =
                    arena.allocate(
                            (long) view.rows() * view.columns() * info.type().bytes(),
                            DType.F32.bytes());
            decode(whole.rows(view, file), data);
            return new TensorView(info.name(), info.type(), shape, data);
        }
    }

    private static void decode(PackedMatrix matrix, MemorySegment data) {
        boolean rounded = matrix.type().decoded() == DType.BF16;
        float[] row = new float[matrix.columns()];
        long at = 0;
        for (int i = 0; i < matrix.rows(); i++) {
            matrix.decode(i, row);
            for (float value : row) {
                if (rounded) {
                    data.set(SHORT, at, Bf16.round(value));
                    at += SHORT.byteSize();
                } else {
                    data.set(FLOAT, at, value);
                    at += FLOAT.byteSize();
                }
            }
        }
    }

    @Override
    public boolean isTransposed() {
        return layout.transposed();
    }

    @Override
    public long bytes() {
        return Stream.concat(
                        Stream.of(values),
                        Stream.concat(
                                scales.stream(),
                                sparseIndex.stream()
                                        .flatMap(it -> Stream.of(it.bitmask, it.rowOffsets))))
                .mapToLong(TensorInfo::length)
                .sum();
    }

    @Override
    public String typeName() {
        return type.name();
    }

    @Override
    public PackedMatrix matrix(Function<TensorInfo, MemorySegment> mapped) {
        PackedMatrix matrix = unchecked(mapped);
        check(matrix, 0, matrix.rows());
        return matrix;
    }

    private PackedMatrix unchecked(Function<TensorInfo, MemorySegment> mapped) {
        return new PackedMatrix(
                layout.rows(),
                layout.columns(),
                type,
                mapped.apply(values),
                scales.map(mapped),
                sparseIndex.map(parts ->
                        new PackedMatrix.SparseIndex(
                                mapped.apply(parts.bitmask), mapped.apply(parts.rowOffsets))));
    }

    /// Checks rows `first` to `end`, exclusive.
    private void check(PackedMatrix matrix, int first, int end) {
        matrix.sparseIndex().ifPresent(it -> checkCounts(matrix, it.bitmask(), first, end));
        long rowBytes = ValueType.groups(matrix.columns()) * type.scales().bytes();
        matrix.scales().ifPresent(it -> checkScales(it, first * rowBytes, end * rowBytes));
    }

    /// Each row's bitmask must have as many ones as the row has values.
    private void checkCounts(PackedMatrix matrix, MemorySegment bitmask, int first, int end) {
        int rowBytes = Math.ceilDiv(matrix.columns(), Byte.SIZE);
        int unused = -1 << (Byte.SIZE - (-matrix.columns() & 7));
        for (int row = first; row < end; row++) {
            long next = row + 1 < matrix.rows() ? matrix.start(row + 1) : storedValues();
            long from = (long) row * rowBytes;
            if ((bitmask.get(ValueLayout.JAVA_BYTE, from + rowBytes - 1) & 0xff & unused) != 0) {
                throw shard.invalid(
                        "tensor %s: the bitmask of row %d goes on behind the last column"
                                .formatted(info.name(), row));
            }
            long asked = matrix.stored(row);
            if (asked != next - matrix.start(row)) {
                throw shard.invalid(
                        "tensor %s: the bitmask of row %d asks for %d values, and %d are there"
                                .formatted(info.name(), row, asked, next - matrix.start(row)));
            }
        }
    }

    private long storedValues() {
        return values.length() * Byte.SIZE / type.bits();
    }

    /// No scale may be infinite or NaN: kernels multiply what lies beside the values by it.
    private void checkScales(MemorySegment data, long from, long length) {
        long signs = 0;
        long at = from;
        for (; at + Long.BYTES <= length; at += Long.BYTES) {
            signs |= notFinite(data.get(LONG, at));
        }
        if (at < length) {
            int bits = (int) (length - at) * Byte.SIZE;
            signs |= notFinite(data.get(LONG, at) & ~(-1L << bits));
        }
        if ((signs & SIGNS) != 0) {
            throw shard.invalid(
                    "tensor %s holds an infinite or NaN scale"
                            .formatted(scales.orElseThrow().name()));
        }
    }

    /// The sign bit of each of four scales is set where its exponent is that of infinity and NaN.
    private long notFinite(long scales) {
        return (scales & ~SIGNS) + (type.scales() == DType.F16 ? F16_EXPONENTS : BF16_EXPONENTS);
    }
}
