package org.wanda4j.runtime;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2S;
import static org.wanda4j.runtime.MappedMatrix.MEMORY;

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
/// order. A byte `q` is multiplied as the float `1.5 + q / 256`, for it takes no conversion to put it into a mantissa; the sum
/// makes up for that. Roundings are then relative to three times the largest value that its scale can give.
final class WideKernels extends VectorKernels {

    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_512;
    private static final VectorSpecies<Byte> HALF = ByteVector.SPECIES_256;
    private static final VectorShuffle<Float> EVENS = VectorShuffle.makeUnzip(FLOATS, 0);
    private static final VectorShuffle<Float> ODDS = VectorShuffle.makeUnzip(FLOATS, 1);

    private static final long LOWER = 0xffffffffL;

    /// Constant vectors stay in registers, where a constant number is broadcast each time.
    private static final IntVector UPPER_SHORT = IntVector.broadcast(INTS, 0xffff0000);

    private static final IntVector UPPER_BYTE = IntVector.broadcast(INTS, 0xff000000);

    /// Moves the first of two scales to the upper half of the first eight ints, and leaves the second in the others.
    private static final IntVector TO_UPPER =
            IntVector.fromArray(
                    INTS, new int[] {16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0}, 0);

    private static final ShortVector NIBBLES = ShortVector.broadcast(SHORTS, (short) 0xf0f0);

    /// The highest eight bits of a float's mantissa.
    private static final IntVector MANTISSA = IntVector.broadcast(INTS, 0x007f8000);

    private static final IntVector ONE_AND_A_HALF = IntVector.broadcast(INTS, 0x3fc00000);

    private static final float BYTE_IN_MANTISSA = 0x1p8f;
    private static final float NIBBLE_IN_MANTISSA = 0x1p4f;

    private static final float BYTE_IN_INT = 0x1p-24f;
    private static final float NIBBLE_IN_INT = 0x1p-28f;

    @Override
    public Order order(MappedMatrix matrix) {
        return switch (matrix.type()) {
            case BF16 -> Order.PAIRS;
            case INT8, INT4 -> Order.BYTES;
            case F16, F32 -> Order.PLAIN;
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
            case F16, F32 -> super.products(matrix, from, to, x, y, scratch);
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
                quantised(matrix, from, to, x, y, scratch);
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
        float sum = a.add(b).add(c.add(d)).reduceLanes(ADD);
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
            sum += even.reduceLanes(ADD, evens) + odd.reduceLanes(ADD, odds);
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
            scratch.readWords(matrix, first, end - first, 0);
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
                y[i] = a.add(b).add(c.add(d)).reduceLanes(ADD);
            }
        }
    }

    private static IntVector expandShorts(long values, long places) {
        return ShortVector.fromMemorySegment(SHORTS, MEMORY, values, LITTLE_ENDIAN)
                .expand(VectorMask.fromLong(SHORTS, places))
                .reinterpretAsInts();
    }

    /// Two rows at a time, which share what they read of the activation.
    ///
    /// Everything of this project's own is written out in the loop, and not called: past a number of nodes, the compiler
    /// goes on to inline the Vector API alone.
    private static void quantised(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        boolean halves = matrix.type() == ValueType.INT4;
        boolean sparse = matrix.isSparse();
        float unit = halves ? NIBBLE_IN_MANTISSA : BYTE_IN_MANTISSA;
        int count = Scratch.words(matrix.columns());
        long[] words = scratch.words;
        int[] scales = scratch.scales;
        float[] offsets = offsets(x, count, scratch);
        int half = (to - from + 1) / 2;
        int most = Math.max(1, Scratch.WORDS / count);
        for (int row = 0; row < half; row += most) {
            int rows = Math.min(most, half - row);
            int firstA = from + row;
            int firstB = to - half + row;
            if (sparse) {
                scratch.readWords(matrix, firstA, rows, 0);
                scratch.readWords(matrix, firstB, rows, most);
            }
            scratch.readScales(matrix, firstA, rows, 0);
            scratch.readScales(matrix, firstB, rows, most);
            for (int i = 0; i < rows; i++) {
                int k = i * count;
                int l = k + most * count;
                long a = matrix.rowValues(firstA + i);
                long b = matrix.rowValues(firstB + i);
                FloatVector sumA = FloatVector.zero(FLOATS);
                FloatVector sumB = sumA;
                for (int j = 0; j < count * Long.SIZE; j += Long.SIZE) {
                    long wordA = sparse ? words[k] : -1;
                    long wordB = sparse ? words[l] : -1;
                    ByteVector keptA;
                    ByteVector keptB;
                    if (halves) {
                        var pairsA =
                                (ShortVector)
                                        ByteVector.fromMemorySegment(HALF, MEMORY, a, LITTLE_ENDIAN)
                                                .convertShape(ZERO_EXTEND_B2S, SHORTS, 0);
                        var pairsB =
                                (ShortVector)
                                        ByteVector.fromMemorySegment(HALF, MEMORY, b, LITTLE_ENDIAN)
                                                .convertShape(ZERO_EXTEND_B2S, SHORTS, 0);
                        keptA =
                                pairsA.lanewise(LSHL, 12)
                                        .or(pairsA)
                                        .and(NIBBLES)
                                        .reinterpretAsBytes();
                        keptB =
                                pairsB.lanewise(LSHL, 12)
                                        .or(pairsB)
                                        .and(NIBBLES)
                                        .reinterpretAsBytes();
                        a += (Long.bitCount(wordA) + 1) >>> 1;
                        b += (Long.bitCount(wordB) + 1) >>> 1;
                    } else {
                        keptA = ByteVector.fromMemorySegment(BYTES, MEMORY, a, LITTLE_ENDIAN);
                        keptB = ByteVector.fromMemorySegment(BYTES, MEMORY, b, LITTLE_ENDIAN);
                        a += Long.bitCount(wordA);
                        b += Long.bitCount(wordB);
                    }
                    if (sparse) {
                        keptA = keptA.expand(VectorMask.fromLong(BYTES, wordA));
                        keptB = keptB.expand(VectorMask.fromLong(BYTES, wordB));
                    }
                    IntVector rowA = keptA.reinterpretAsInts();
                    IntVector rowB = keptB.reinterpretAsInts();
                    FloatVector groupA = FloatVector.fromArray(FLOATS, offsets, j >>> 2);
                    FloatVector groupB = groupA;
                    FloatVector some = FloatVector.fromArray(FLOATS, x, j);
                    groupA =
                            rowA.lanewise(LSHL, 15)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupA);
                    groupB =
                            rowB.lanewise(LSHL, 15)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupB);
                    some = FloatVector.fromArray(FLOATS, x, j + LANES);
                    groupA =
                            rowA.lanewise(LSHL, 7)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupA);
                    groupB =
                            rowB.lanewise(LSHL, 7)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupB);
                    some = FloatVector.fromArray(FLOATS, x, j + 2 * LANES);
                    groupA =
                            rowA.lanewise(LSHR, 1)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupA);
                    groupB =
                            rowB.lanewise(LSHR, 1)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupB);
                    some = FloatVector.fromArray(FLOATS, x, j + 3 * LANES);
                    groupA =
                            rowA.lanewise(LSHR, 9)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupA);
                    groupB =
                            rowB.lanewise(LSHR, 9)
                                    .and(MANTISSA)
                                    .lanewise(XOR, ONE_AND_A_HALF)
                                    .reinterpretAsFloats()
                                    .fma(some, groupB);
                    sumA =
                            IntVector.broadcast(INTS, scales[k++])
                                    .lanewise(LSHL, TO_UPPER)
                                    .and(UPPER_SHORT)
                                    .reinterpretAsFloats()
                                    .fma(groupA, sumA);
                    sumB =
                            IntVector.broadcast(INTS, scales[l++])
                                    .lanewise(LSHL, TO_UPPER)
                                    .and(UPPER_SHORT)
                                    .reinterpretAsFloats()
                                    .fma(groupB, sumB);
                }
                y[firstA + i] = sumA.reduceLanes(ADD) * unit;
                y[firstB + i] = sumB.reduceLanes(ADD) * unit;
            }
        }
    }

    /// What the constant part of every weight makes of the activations, to be taken off.
    private static float[] offsets(float[] x, int words, Scratch scratch) {
        for (int j = 0; j < words * Long.SIZE; j += Long.SIZE) {
            FloatVector.fromArray(FLOATS, x, j)
                    .add(FloatVector.fromArray(FLOATS, x, j + LANES))
                    .add(FloatVector.fromArray(FLOATS, x, j + 2 * LANES))
                    .add(FloatVector.fromArray(FLOATS, x, j + 3 * LANES))
                    .mul(-1.5f)
                    .intoArray(scratch.values, j >>> 2);
        }
        return scratch.values;
    }

    @Override
    public void unpack(
            MappedMatrix matrix, int from, int to, float[] out, int width, Scratch scratch) {
        switch (matrix.type()) {
            case F16, F32 -> super.unpack(matrix, from, to, out, width, scratch);
            case BF16 -> {
                if (matrix.isSparse()) {
                    scratch.readWords(matrix, from, to - from, 0);
                    unpackSparseBf16(matrix, from, to, out, width, scratch);
                } else {
                    for (int i = from; i < to; i++) {
                        unpackDenseBf16(matrix, i, out, (i - from) * width, scratch);
                    }
                }
            }
            case INT8, INT4 -> {
                if (matrix.isSparse()) {
                    scratch.readWords(matrix, from, to - from, 0);
                }
                scratch.readScales(matrix, from, to - from, 0);
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
            arrange(Order.PAIRS, scratch.values, 0, out, at, Vectors.padded(matrix.columns()));
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
        float unit = halves ? NIBBLE_IN_INT : BYTE_IN_INT;
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
        return pairs.lanewise(LSHL, 12).or(pairs).and(NIBBLES).reinterpretAsBytes();
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
