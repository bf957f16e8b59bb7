package org.wanda4j.runtime.internal.kernels;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2S;
import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.util.Optional;
import java.util.Set;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.wanda4j.checkpoint.ValueType;

/// [VectorKernels] for processors that expand a vector of shorts or bytes in one instruction (AVX-512 VBMI2): a row is
/// multiplied as it is expanded, 64 columns at a time.
///
/// Two bf16 or four bytes come to lie in an int, where shifts and masks make floats of them; the activation is in the same
/// order. A byte is taken where it stands at an int's upper end, 2^24 times too large; the sum makes up for that.
public final class WideKernels extends VectorKernels {

    /// What a processor must have.
    public static final Set<String> FEATURES = Set.of("avx512_vbmi2");

    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_512;
    private static final VectorSpecies<Byte> HALF = ByteVector.SPECIES_256;
    private static final VectorShuffle<Float> EVENS = VectorShuffle.makeUnzip(FLOATS, 0);
    private static final VectorShuffle<Float> ODDS = VectorShuffle.makeUnzip(FLOATS, 1);

    private static final long LOWER = 0xffffffffL;
    private static final short UPPER_NIBBLES = (short) 0xf0f0;

    /// Constant vectors stay in registers, where a constant number is broadcast each time.
    private static final IntVector UPPER_SHORT = IntVector.broadcast(INTS, 0xffff0000);

    private static final IntVector UPPER_BYTE = IntVector.broadcast(INTS, 0xff000000);

    /// Moves the first of two scales to the upper half of the first eight ints, and leaves the second in the others.
    private static final IntVector TO_UPPER =
            IntVector.fromArray(
                    INTS, new int[] {16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0}, 0);

    private static final float BYTE_UNIT = 0x1p-24f;
    private static final float NIBBLE_UNIT = 0x1p-28f;

    /// Bytes of a row are put where they belong as fast as they come.
    @Override
    public Optional<ValueType> denseType(MappedMatrix matrix, int threads) {
        return Optional.empty();
    }

    @Override
    public Order order(MappedMatrix matrix, int tokens, int texts) {
        return switch (matrix.type()) {
            case BF16 -> Order.PAIRS;
            case INT8, INT4 -> Order.BYTES;
            case F16, F32, Q8_0, Q4_0 -> Order.PLAIN;
        };
    }

    @Override
    public void arrange(Order order, float[] x, int from, float[] out, int to, int width) {
        switch (order) {
            case PLAIN -> super.arrange(order, x, from, out, to, width);
            case PAIRS -> {
                for (int j = 0; j < width; j += 2 * LANES) {
                    int at = to + j;
                    unzip(x, from + j, from + j + LANES, out, at, at + LANES);
                }
            }
            case BYTES -> {
                for (int j = 0; j < width; j += 4 * LANES) {
                    int in = from + j;
                    int at = to + j;
                    unzip(x, in, in + LANES, out, at, at + 2 * LANES);
                    unzip(x, in + 2 * LANES, in + 3 * LANES, out, at + LANES, at + 3 * LANES);
                    unzip(out, at, at + LANES, out, at, at + LANES);
                    unzip(out, at + 2 * LANES, at + 3 * LANES, out, at + 2 * LANES, at + 3 * LANES);
                    swap(out, at + LANES, at + 2 * LANES);
                }
            }
            case INTERLEAVED,
                    BF16_FOURS,
                    BF16_EIGHTS,
                    PANELS,
                    BF16_PANELS,
                    QUANTISED_PANELS,
                    QUANTISED_EIGHTS ->
                    throw new IllegalArgumentException("not on the heap: " + order);
        }
    }

    private static void unzip(float[] x, int a, int b, float[] out, int evens, int odds) {
        FloatVector first = FloatVector.fromArray(FLOATS, x, a);
        FloatVector second = FloatVector.fromArray(FLOATS, x, b);
        first.rearrange(EVENS, second).intoArray(out, evens);
        first.rearrange(ODDS, second).intoArray(out, odds);
    }

    private static void swap(float[] x, int a, int b) {
        FloatVector first = FloatVector.fromArray(FLOATS, x, a);
        FloatVector.fromArray(FLOATS, x, b).intoArray(x, a);
        first.intoArray(x, b);
    }

    @Override
    public void products(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        switch (matrix.type()) {
            case F16, F32, Q8_0, Q4_0 -> super.products(matrix, from, to, x, y, scratch);
            case BF16 -> {
                if (matrix.isSparse()) {
                    sparseBf16(matrix, from, to, x, y, scratch);
                } else {
                    for (int i = from; i < to; i++) {
                        y[i] = denseBf16(matrix.rowValues(i), matrix.columns(), x);
                    }
                }
            }
            case INT8, INT4 -> {
                if (matrix.isSparse()) {
                    sparseBytes(matrix, from, to, x, y, scratch);
                } else {
                    denseBytes(matrix, from, to, x, y, scratch);
                }
            }
        }
    }

    private static float denseBf16(long values, int columns, float[] x) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int whole = columns & -Long.SIZE;
        for (int j = 0; j < whole; j += Long.SIZE) {
            IntVector some = ints(values + 2L * j);
            IntVector more = ints(values + 2L * (j + 2 * LANES));
            a = lower(some).fma(FloatVector.fromArray(FLOATS, x, j), a);
            b = upper(some).fma(FloatVector.fromArray(FLOATS, x, j + LANES), b);
            c = lower(more).fma(FloatVector.fromArray(FLOATS, x, j + 2 * LANES), c);
            d = upper(more).fma(FloatVector.fromArray(FLOATS, x, j + 3 * LANES), d);
        }
        float sum = sum(a.add(b).add(c.add(d)));
        return whole == columns ? sum : sum + rest(values, whole, columns, x);
    }

    /// What lies behind the row may be no number.
    private static float rest(long values, int from, int columns, float[] x) {
        float sum = 0;
        for (int j = from; j < columns; j += 2 * LANES) {
            IntVector some = ints(values + 2L * j);
            VectorMask<Float> evens = FLOATS.indexInRange(0, (columns - j + 1) / 2);
            VectorMask<Float> odds = FLOATS.indexInRange(0, (columns - j) / 2);
            FloatVector even = lower(some).mul(FloatVector.fromArray(FLOATS, x, j));
            FloatVector odd = upper(some).mul(FloatVector.fromArray(FLOATS, x, j + LANES));
            sum +=
                    sum(FloatVector.zero(FLOATS).blend(even, evens))
                            + sum(FloatVector.zero(FLOATS).blend(odd, odds));
        }
        return sum;
    }

    private static IntVector ints(long address) {
        return IntVector.fromMemorySegment(INTS, MEMORY, address, LITTLE_ENDIAN);
    }

    private static FloatVector lower(IntVector pairs) {
        return pairs.lanewise(LSHL, Short.SIZE).reinterpretAsFloats();
    }

    private static FloatVector upper(IntVector pairs) {
        return pairs.and(UPPER_SHORT).reinterpretAsFloats();
    }

    private static void sparseBf16(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        int count = Scratch.words(matrix.columns());
        long[] words = scratch.words;
        long values = matrix.rowValues(from);
        for (int first = from; first < to; first += TILE) {
            int end = Math.min(first + TILE, to);
            scratch.readWords(matrix, first, end - first);
            int k = 0;
            for (int i = first; i < end; i++) {
                FloatVector a = FloatVector.zero(FLOATS);
                FloatVector b = a;
                FloatVector c = a;
                FloatVector d = a;
                for (int j = 0; j < count * Long.SIZE; j += Long.SIZE) {
                    long word = words[k++];
                    long low = word & LOWER;
                    IntVector some = expandShorts(values, low);
                    IntVector more =
                            expandShorts(values + 2L * Long.bitCount(low), word >>> Integer.SIZE);
                    a = lower(some).fma(FloatVector.fromArray(FLOATS, x, j), a);
                    b = upper(some).fma(FloatVector.fromArray(FLOATS, x, j + LANES), b);
                    c = lower(more).fma(FloatVector.fromArray(FLOATS, x, j + 2 * LANES), c);
                    d = upper(more).fma(FloatVector.fromArray(FLOATS, x, j + 3 * LANES), d);
                    values += 2L * Long.bitCount(word);
                }
                y[i] = sum(a.add(b).add(c.add(d)));
            }
        }
    }

    private static IntVector expandShorts(long values, long places) {
        return ShortVector.fromMemorySegment(SHORTS, MEMORY, values, LITTLE_ENDIAN)
                .expand(VectorMask.fromLong(SHORTS, places))
                .reinterpretAsInts();
    }

    private static void sparseBytes(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        boolean halves = matrix.type() == ValueType.INT4;
        int count = Scratch.words(matrix.columns());
        long[] words = scratch.words;
        long values = matrix.rowValues(from);
        for (int first = from; first < to; first += TILE) {
            int end = Math.min(first + TILE, to);
            scratch.readWords(matrix, first, end - first);
            scratch.readScales(matrix, first, end - first);
            int k = 0;
            for (int i = first; i < end; i++) {
                FloatVector sum = FloatVector.zero(FLOATS);
                for (int j = 0; j < count * Long.SIZE; j += Long.SIZE) {
                    long word = words[k];
                    ByteVector some =
                            (halves ? nibbles(values) : bytes(values))
                                    .expand(VectorMask.fromLong(BYTES, word));
                    sum = groups(some, x, j).fma(pair(scratch.scales[k++]), sum);
                    int kept = Long.bitCount(word);
                    values += halves ? (kept + 1) >>> 1 : kept;
                }
                y[i] = sum(sum) * (halves ? NIBBLE_UNIT : BYTE_UNIT);
            }
        }
    }

    private static void denseBytes(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        boolean halves = matrix.type() == ValueType.INT4;
        int count = Scratch.words(matrix.columns());
        for (int first = from; first < to; first += TILE) {
            int end = Math.min(first + TILE, to);
            scratch.readScales(matrix, first, end - first);
            int k = 0;
            for (int i = first; i < end; i++) {
                long values = matrix.rowValues(i);
                FloatVector sum = FloatVector.zero(FLOATS);
                for (int j = 0; j < count * Long.SIZE; j += Long.SIZE) {
                    ByteVector some = halves ? nibbles(values + (j >>> 1)) : bytes(values + j);
                    sum = groups(some, x, j).fma(pair(scratch.scales[k++]), sum);
                }
                y[i] = sum(sum) * (halves ? NIBBLE_UNIT : BYTE_UNIT);
            }
        }
    }

    @Override
    public void unpack(
            MappedMatrix matrix, int from, int to, float[] out, int width, Scratch scratch) {
        switch (matrix.type()) {
            case F16, F32, Q8_0, Q4_0 -> super.unpack(matrix, from, to, out, width, scratch);
            case BF16 -> {
                if (matrix.isSparse()) {
                    scratch.readWords(matrix, from, to - from);
                    unpackSparseBf16(matrix, from, to, out, width, scratch);
                } else {
                    for (int i = from; i < to; i++) {
                        unpackDenseBf16(matrix, i, out, (i - from) * width, scratch);
                    }
                }
            }
            case INT8, INT4 -> {
                if (matrix.isSparse()) {
                    scratch.readWords(matrix, from, to - from);
                }
                scratch.readScales(matrix, from, to - from);
                unpackBytes(matrix, from, to, out, width, scratch);
            }
        }
    }

    private static void unpackSparseBf16(
            MappedMatrix matrix, int from, int to, float[] out, int width, Scratch scratch) {
        long values = matrix.rowValues(from);
        int end = (to - from) * width;
        for (int j = 0; j < end; j += 2 * LANES) {
            long half = scratch.words[j >>> 6] >>> (j & Integer.SIZE) & LOWER;
            IntVector some = expandShorts(values, half);
            lower(some).intoArray(out, j);
            upper(some).intoArray(out, j + LANES);
            values += 2L * Long.bitCount(half);
        }
    }

    /// What lies behind a row that is no multiple of 64 long belongs to another.
    private void unpackDenseBf16(
            MappedMatrix matrix, int row, float[] out, int at, Scratch scratch) {
        if (matrix.columns() % Long.SIZE != 0) {
            decode(matrix, row, scratch.values, 0, scratch);
            arrange(Order.PAIRS, scratch.values, 0, out, at, RowKernels.padded(matrix.columns()));
            return;
        }
        long values = matrix.rowValues(row);
        for (int j = 0; j < matrix.columns(); j += 2 * LANES) {
            IntVector some = ints(values + 2L * j);
            lower(some).intoArray(out, at + j);
            upper(some).intoArray(out, at + j + LANES);
        }
    }

    private static void unpackBytes(
            MappedMatrix matrix, int from, int to, float[] out, int width, Scratch scratch) {
        boolean halves = matrix.type() == ValueType.INT4;
        boolean sparse = matrix.isSparse();
        float unit = halves ? NIBBLE_UNIT : BYTE_UNIT;
        long values = matrix.rowValues(from);
        int k = 0;
        for (int i = from; i < to; i++) {
            if (!sparse) {
                values = matrix.rowValues(i);
            }
            int at = (i - from) * width;
            for (int j = at; j < at + width; j += Long.SIZE) {
                ByteVector some = halves ? nibbles(values) : bytes(values);
                int kept = Long.SIZE;
                if (sparse) {
                    long word = scratch.words[k];
                    some = some.expand(VectorMask.fromLong(BYTES, word));
                    kept = Long.bitCount(word);
                }
                values += halves ? (kept + 1) >>> 1 : kept;
                FloatVector scale = pair(scratch.scales[k++]).mul(unit);
                IntVector four = some.reinterpretAsInts();
                toFloats(four.lanewise(LSHL, 24)).mul(scale).intoArray(out, j);
                toFloats(four.lanewise(LSHL, 16).and(UPPER_BYTE))
                        .mul(scale)
                        .intoArray(out, j + LANES);
                toFloats(four.lanewise(LSHL, 8).and(UPPER_BYTE))
                        .mul(scale)
                        .intoArray(out, j + 2 * LANES);
                toFloats(four.and(UPPER_BYTE)).mul(scale).intoArray(out, j + 3 * LANES);
            }
        }
    }

    private static ByteVector bytes(long address) {
        return ByteVector.fromMemorySegment(BYTES, MEMORY, address, LITTLE_ENDIAN);
    }

    /// 64 nibbles, each in the upper half of a byte.
    private static ByteVector nibbles(long address) {
        var pairs =
                (ShortVector)
                        ByteVector.fromMemorySegment(HALF, MEMORY, address, LITTLE_ENDIAN)
                                .convertShape(ZERO_EXTEND_B2S, SHORTS, 0);
        return pairs.lanewise(LSHL, 12).or(pairs).and(UPPER_NIBBLES).reinterpretAsBytes();
    }

    /// Products of 64 bytes with 64 activations: those of the first 32 columns in the first half of the sums.
    private static FloatVector groups(ByteVector values, float[] x, int j) {
        IntVector bytes = values.reinterpretAsInts();
        FloatVector sum =
                toFloats(bytes.lanewise(LSHL, 24)).mul(FloatVector.fromArray(FLOATS, x, j));
        sum =
                toFloats(bytes.lanewise(LSHL, 16).and(UPPER_BYTE))
                        .fma(FloatVector.fromArray(FLOATS, x, j + LANES), sum);
        sum =
                toFloats(bytes.lanewise(LSHL, 8).and(UPPER_BYTE))
                        .fma(FloatVector.fromArray(FLOATS, x, j + 2 * LANES), sum);
        return toFloats(bytes.and(UPPER_BYTE))
                .fma(FloatVector.fromArray(FLOATS, x, j + 3 * LANES), sum);
    }

    private static FloatVector toFloats(IntVector ints) {
        return (FloatVector) ints.convert(I2F, 0);
    }

    /// The first scale for the first 32 columns, the second for the others.
    private static FloatVector pair(int pair) {
        return IntVector.broadcast(INTS, pair)
                .lanewise(LSHL, TO_UPPER)
                .and(UPPER_SHORT)
                .reinterpretAsFloats();
    }

    @Override
    public String description() {
        return super.description() + " with expansion of shorts and bytes";
    }
}
