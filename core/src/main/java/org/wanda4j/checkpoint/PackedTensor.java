package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
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

    private static final int WORDS_AT_ONCE = 1024;

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
        matrix.sparseIndex().ifPresent(it -> checkCounts(matrix, it, first, end));
        long rowBytes = ValueType.groups(matrix.columns()) * type.scales().bytes();
        matrix.scales().ifPresent(it -> checkScales(it, first * rowBytes, end * rowBytes));
    }

    /// Each row's bitmask must have as many ones as the row has values, counted as [ValueType#filled] says.
    ///
    /// Many rows are copied at once, for the first token waits for this: to read word by word is slow before it is compiled.
    private void checkCounts(
            PackedMatrix matrix, PackedMatrix.SparseIndex index, int first, int end) {
        int rowBytes = Math.ceilDiv(matrix.columns(), Byte.SIZE);
        int words = Math.ceilDiv(matrix.columns(), Long.SIZE);
        int before = (words - 1) * Long.SIZE;
        long used = -1L >>> (before + Long.SIZE - matrix.columns());
        long unused = -1L >>> (before + Long.SIZE - rowBytes * Byte.SIZE) & ~used;
        int most = Math.max(1, WORDS_AT_ONCE / words);
        long[] masks = new long[most * words];
        long[] starts = new long[most + 1];
        for (int from = first; from < end; from += most) {
            int count = Math.min(most, end - from);
            copyRows(index.bitmask(), from, count, rowBytes, masks);
            int known = Math.min(count + 1, matrix.rows() - from);
            starts[count] = storedValues(); // behind the last row
            MemorySegment.copy(
                    index.rowOffsets(), LONG, (long) from * Long.BYTES, starts, 0, known);
            for (int row = 0; row < count; row++) {
                int last = (row + 1) * words - 1;
                if ((masks[last] & unused) != 0) {
                    throw shard.invalid(
                            "tensor %s: the bitmask of row %d goes on behind the last column"
                                    .formatted(info.name(), from + row));
                }
                masks[last] &= used;
                long asked = filled(masks, row * words, last + 1);
                long present = starts[row + 1] - starts[row];
                if (asked != present) {
                    throw shard.invalid(
                            "tensor %s: the bitmask of row %d asks for %d values, and %d are there"
                                    .formatted(info.name(), from + row, asked, present));
                }
            }
        }
    }

    /// How many values the runs `from` to `to`, exclusive, store.
    private long filled(long[] masks, int from, int to) {
        long stored = 0;
        for (int i = from; i < to; i++) {
            stored += type.filled(Long.bitCount(masks[i]));
        }
        return stored;
    }

    /// Copies the bitmasks of rows to whole words; the last of a row may have bits of the next one too.
    private static void copyRows(
            MemorySegment bitmask, int first, int count, int rowBytes, long[] words) {
        int rowWords = Math.ceilDiv(rowBytes, Long.BYTES);
        long from = (long) first * rowBytes;
        if (rowBytes % Long.BYTES == 0) {
            MemorySegment.copy(bitmask, LONG, from, words, 0, count * rowWords);
            return;
        }
        for (int row = 0; row < count; row++) {
            long at = from + (long) row * rowBytes;
            MemorySegment.copy(bitmask, LONG, at, words, row * rowWords, rowWords);
        }
    }

    private long storedValues() {
        return values.length() * Byte.SIZE / type.bits();
    }

    /// No scale may be infinite or NaN: kernels multiply what lies beside the values by it.
    ///
    /// The exponents of those are ones alone, and so would be the bits of all scales together. Where they are, each scale is looked at. Each step is written
    /// for the interpreter: the first token waits for this.
    private void checkScales(MemorySegment data, long from, long end) {
        long[] some = new long[WORDS_AT_ONCE + 3];
        long at = from;
        for (int count; (count = (int) Math.min(WORDS_AT_ONCE, (end - at) / Long.BYTES)) > 0; ) {
            MemorySegment.copy(data, LONG, at, some, 0, count);
            Arrays.fill(some, count, count + 3, 0);
            long bits = 0;
            for (int i = 0; i < count; i += 4) {
                bits |= some[i] | some[i + 1] | some[i + 2] | some[i + 3];
            }
            if (!areFinite(bits)) {
                for (int i = 0; i < count; i++) {
                    requireFinite(some[i]);
                }
            }
            at += (long) count * Long.BYTES;
        }
        if (at < end) {
            int bits = (int) (end - at) * Byte.SIZE;
            requireFinite(data.get(LONG, at) & ~(-1L << bits));
        }
    }

    private void requireFinite(long fourScales) {
        if (!areFinite(fourScales)) {
            throw shard.invalid(
                    "tensor %s holds an infinite or NaN scale"
                            .formatted(scales.orElseThrow().name()));
        }
    }

    /// Added to the four scales of a word without their signs, [#BF16_EXPONENTS] or [#F16_EXPONENTS] sets the sign bit of each whose exponent is that of
    /// infinity and NaN.
    private boolean areFinite(long fourScales) {
        long exponents = type.scales() == DType.F16 ? F16_EXPONENTS : BF16_EXPONENTS;
        return ((fourScales & ~SIGNS) + exponents & SIGNS) == 0;
    }
}
