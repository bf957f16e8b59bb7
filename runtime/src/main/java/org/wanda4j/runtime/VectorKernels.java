package org.wanda4j.runtime;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.B2F;
import static jdk.incubator.vector.VectorOperators.EXP;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.PackedMatrix;
import org.wanda4j.checkpoint.PackedMatrix.Places;
import org.wanda4j.checkpoint.ValueType;

/// [RowKernels] with the Vector API.
///
/// A sparse row of bf16 is expanded by its bitmask, a vector at a time. For the quantised types it is the activation that
/// is compressed to what the row reads, so that the values, their groups and their scales stay side by side.
class VectorKernels implements RowKernels {

    static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    static final int LANES = FLOATS.length();

    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
    private static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(
                    byte.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 4)));

    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);

    /// The upper of the two bf16 that an int holds.
    static final int UPPER = 0xffff0000;

    private static final VectorShuffle<Float> EVENS = VectorShuffle.makeUnzip(FLOATS, 0);
    private static final VectorShuffle<Float> ODDS = VectorShuffle.makeUnzip(FLOATS, 1);

    private static final long LANE_BITS = (1L << LANES) - 1;

    /// Two vectors' worth of values become the even ones, then the odd ones: as two bf16 lie in an int.
    @Override
    public void arrange(Vectors x, float[] arranged) {
        float[] from = x.values();
        for (int j = 0; j < x.width(); j += 2 * LANES) {
            FloatVector first = FloatVector.fromArray(FLOATS, from, j);
            FloatVector second = FloatVector.fromArray(FLOATS, from, j + LANES);
            first.rearrange(EVENS, second).intoArray(arranged, j);
            first.rearrange(ODDS, second).intoArray(arranged, j + LANES);
        }
    }

    @Override
    public float dot(PackedMatrix matrix, int row, Vectors x, float[] arranged, float[] scratch) {
        long start = matrix.start(row);
        if (matrix.places().isEmpty()) {
            return matrix.type() == ValueType.BF16
                    ? dotPairs(matrix, start, arranged)
                    : dotDense(matrix, start, matrix.columns(), x.values());
        }
        Places places = matrix.places().get();
        if (matrix.type() == ValueType.BF16) {
            return dotExpanded(matrix, places, row, start, x, arranged);
        }
        int count =
                compress(places.bitmask(), bitmaskRow(matrix, row), matrix.columns(), x, scratch);
        return dotDense(matrix, start, count, scratch);
    }

    static long bitmaskRow(PackedMatrix matrix, int row) {
        return (long) row * Math.ceilDiv(matrix.columns(), Byte.SIZE);
    }

    /// The places of the 64 columns from `column` on.
    static long word(MemorySegment bitmask, long rowStart, int column, int columns) {
        long word = bitmask.get(LONG, rowStart + (column >>> 3));
        int rest = columns - column;
        return rest >= Long.SIZE ? word : word & ((1L << rest) - 1);
    }

    private static float dotPairs(PackedMatrix matrix, long start, float[] x) {
        int columns = matrix.columns();
        MemorySegment values = matrix.values();
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = even;
        FloatVector even2 = even;
        FloatVector odd2 = even;
        int j = 0;
        for (; j + 4 * LANES <= columns; j += 4 * LANES) {
            IntVector pairs =
                    IntVector.fromMemorySegment(INTS, values, 2 * (start + j), LITTLE_ENDIAN);
            IntVector more =
                    IntVector.fromMemorySegment(
                            INTS, values, 2 * (start + j + 2L * LANES), LITTLE_ENDIAN);
            even = lower(pairs).fma(FloatVector.fromArray(FLOATS, x, j), even);
            odd = upper(pairs).fma(FloatVector.fromArray(FLOATS, x, j + LANES), odd);
            even2 = lower(more).fma(FloatVector.fromArray(FLOATS, x, j + 2 * LANES), even2);
            odd2 = upper(more).fma(FloatVector.fromArray(FLOATS, x, j + 3 * LANES), odd2);
        }
        for (; j < columns; j += 2 * LANES) {
            IntVector pairs =
                    IntVector.fromMemorySegment(INTS, values, 2 * (start + j), LITTLE_ENDIAN);
            VectorMask<Float> evens = FLOATS.indexInRange(0, (columns - j + 1) / 2);
            VectorMask<Float> odds = FLOATS.indexInRange(0, (columns - j) / 2);
            FloatVector nextEven = lower(pairs).fma(FloatVector.fromArray(FLOATS, x, j), even);
            FloatVector nextOdd =
                    upper(pairs).fma(FloatVector.fromArray(FLOATS, x, j + LANES), odd);
            even = even.blend(nextEven, evens);
            odd = odd.blend(nextOdd, odds);
        }
        return even.add(odd).add(even2.add(odd2)).reduceLanes(ADD);
    }

    static FloatVector lower(IntVector pairs) {
        return pairs.lanewise(LSHL, 16).reinterpretAsFloats();
    }

    static FloatVector upper(IntVector pairs) {
        return pairs.and(UPPER).reinterpretAsFloats();
    }

    /// The row's values move to their places, and zeros between them.
    float dotExpanded(
            PackedMatrix matrix, Places places, int row, long start, Vectors x, float[] arranged) {
        int columns = matrix.columns();
        long maskRow = bitmaskRow(matrix, row);
        FloatVector sum = FloatVector.zero(FLOATS);
        FloatVector sum2 = sum;
        long at = start;
        for (int column = 0; column < columns; column += Long.SIZE) {
            long word = word(places.bitmask(), maskRow, column, columns);
            for (int j = 0; j < Long.SIZE; j += 2 * LANES) {
                long some = (word >>> j) & LANE_BITS;
                long next = (word >>> (j + LANES)) & LANE_BITS;
                long middle = at + Long.bitCount(some);
                sum =
                        bf16(matrix.values(), at)
                                .expand(VectorMask.fromLong(FLOATS, some))
                                .fma(FloatVector.fromArray(FLOATS, x.values(), column + j), sum);
                sum2 =
                        bf16(matrix.values(), middle)
                                .expand(VectorMask.fromLong(FLOATS, next))
                                .fma(
                                        FloatVector.fromArray(
                                                FLOATS, x.values(), column + j + LANES),
                                        sum2);
                at = middle + Long.bitCount(next);
            }
        }
        return sum.add(sum2).reduceLanes(ADD);
    }

    /// What a row reads of an activation, with zeros up to a whole group behind it.
    ///
    /// @return how many values that are
    private static int compress(
            MemorySegment bitmask, long maskRow, int columns, Vectors x, float[] out) {
        int count = 0;
        for (int column = 0; column < columns; column += Long.SIZE) {
            long word = word(bitmask, maskRow, column, columns);
            for (int j = 0; j < Long.SIZE; j += LANES) {
                long places = (word >>> j) & LANE_BITS;
                FloatVector.fromArray(FLOATS, x.values(), column + j)
                        .compress(VectorMask.fromLong(FLOATS, places))
                        .intoArray(out, count);
                count += Long.bitCount(places);
            }
        }
        for (int j = count; j < count + ValueType.GROUP; j += LANES) {
            FloatVector.zero(FLOATS).intoArray(out, j);
        }
        return count;
    }

    private static float dotDense(PackedMatrix matrix, long start, int count, float[] x) {
        return switch (matrix.type()) {
            case INT8 -> dotInt8(matrix, start, count, x);
            case INT4 -> dotInt4(matrix, start, count, x);
            case BF16, F16, F32 -> dotWide(matrix, start, count, x);
        };
    }

    private static float dotInt8(PackedMatrix matrix, long start, int count, float[] x) {
        MemorySegment values = matrix.values();
        MemorySegment scales = matrix.scales().orElseThrow();
        FloatVector sum = FloatVector.zero(FLOATS);
        for (int j = 0; j < count; j += ValueType.GROUP) {
            FloatVector group = FloatVector.zero(FLOATS);
            for (int i = j; i < j + ValueType.GROUP; i += LANES) {
                group = int8(values, start + i).fma(FloatVector.fromArray(FLOATS, x, i), group);
            }
            sum = group.fma(scale(scales, start + j), sum);
        }
        return sum.reduceLanes(ADD);
    }

    private static float dotInt4(PackedMatrix matrix, long start, int count, float[] x) {
        MemorySegment values = matrix.values();
        MemorySegment scales = matrix.scales().orElseThrow();
        FloatVector sum = FloatVector.zero(FLOATS);
        int half = ValueType.GROUP / 2;
        for (int j = 0; j < count; j += ValueType.GROUP) {
            FloatVector group = FloatVector.zero(FLOATS);
            for (int i = 0; i < half; i += LANES) {
                IntVector pairs = bytes(values, (start + j) / 2 + i);
                group = lowNibble(pairs).fma(FloatVector.fromArray(FLOATS, x, j + i), group);
                group =
                        highNibble(pairs)
                                .fma(FloatVector.fromArray(FLOATS, x, j + half + i), group);
            }
            sum = group.fma(scale(scales, start + j), sum);
        }
        return sum.reduceLanes(ADD);
    }

    private static float dotWide(PackedMatrix matrix, long start, int count, float[] x) {
        FloatVector sum = FloatVector.zero(FLOATS);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            sum = wide(matrix, start + j).fma(FloatVector.fromArray(FLOATS, x, j), sum);
        }
        float rest = 0;
        for (; j < count; j++) {
            rest += element(matrix, start + j) * x[j];
        }
        return sum.reduceLanes(ADD) + rest;
    }

    private static FloatVector wide(PackedMatrix matrix, long index) {
        return switch (matrix.type()) {
            case F32 ->
                    FloatVector.fromMemorySegment(
                            FLOATS, matrix.values(), 4 * index, LITTLE_ENDIAN);
            case F16 -> f16(matrix.values(), index);
            default -> bf16(matrix.values(), index);
        };
    }

    private static float element(PackedMatrix matrix, long index) {
        DType type =
                switch (matrix.type()) {
                    case F32 -> DType.F32;
                    case F16 -> DType.F16;
                    default -> DType.BF16;
                };
        return type.get(matrix.values(), index);
    }

    private static FloatVector bf16(MemorySegment values, long index) {
        return lower(
                (IntVector)
                        ShortVector.fromMemorySegment(SHORTS, values, 2 * index, LITTLE_ENDIAN)
                                .convertShape(ZERO_EXTEND_S2I, INTS, 0));
    }

    /// Exponent and mantissa move to their places in an fp32; a factor of 2^112 makes up for the biases, and is right for
    /// subnormal numbers too.
    private static FloatVector f16(MemorySegment values, long index) {
        IntVector bits =
                (IntVector)
                        ShortVector.fromMemorySegment(SHORTS, values, 2 * index, LITTLE_ENDIAN)
                                .convertShape(ZERO_EXTEND_S2I, INTS, 0);
        FloatVector magnitude =
                bits.and(0x7fff).lanewise(LSHL, 13).reinterpretAsFloats().mul(0x1p112f);
        return magnitude
                .reinterpretAsInts()
                .or(bits.and(0x8000).lanewise(LSHL, 16))
                .reinterpretAsFloats();
    }

    private static FloatVector int8(MemorySegment values, long index) {
        return (FloatVector)
                ByteVector.fromMemorySegment(BYTES, values, index, LITTLE_ENDIAN)
                        .convertShape(B2F, FLOATS, 0);
    }

    private static IntVector bytes(MemorySegment values, long offset) {
        return (IntVector)
                ByteVector.fromMemorySegment(BYTES, values, offset, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_B2I, INTS, 0);
    }

    private static FloatVector lowNibble(IntVector pairs) {
        return (FloatVector) pairs.and(15).sub(8).convert(I2F, 0);
    }

    private static FloatVector highNibble(IntVector pairs) {
        return (FloatVector) pairs.lanewise(LSHR, 4).sub(8).convert(I2F, 0);
    }

    private static FloatVector scale(MemorySegment scales, long index) {
        return FloatVector.broadcast(FLOATS, DType.BF16.get(scales, index / ValueType.GROUP));
    }

    @Override
    public void decode(PackedMatrix matrix, int row, float[] out, int at, float[] scratch) {
        long start = matrix.start(row);
        int columns = matrix.columns();
        if (matrix.places().isEmpty()) {
            decodeDense(matrix, start, columns, out, at);
        } else {
            MemorySegment bitmask = matrix.places().get().bitmask();
            long maskRow = bitmaskRow(matrix, row);
            int count = 0;
            for (int column = 0; column < columns; column += Long.SIZE) {
                count += Long.bitCount(word(bitmask, maskRow, column, columns));
            }
            decodeDense(matrix, start, count, scratch, 0);
            expand(bitmask, maskRow, columns, scratch, out, at);
        }
        Arrays.fill(out, at + columns, at + Vectors.padded(columns), 0);
    }

    private static void expand(
            MemorySegment bitmask, long maskRow, int columns, float[] kept, float[] out, int at) {
        int count = 0;
        for (int column = 0; column < columns; column += Long.SIZE) {
            long word = word(bitmask, maskRow, column, columns);
            for (int j = 0; j < Long.SIZE; j += LANES) {
                long places = (word >>> j) & LANE_BITS;
                FloatVector.fromArray(FLOATS, kept, count)
                        .expand(VectorMask.fromLong(FLOATS, places))
                        .intoArray(out, at + column + j);
                count += Long.bitCount(places);
            }
        }
    }

    /// Values one after the other; what lies behind them up to a multiple of 32 is overwritten.
    private static void decodeDense(
            PackedMatrix matrix, long start, int count, float[] out, int at) {
        switch (matrix.type()) {
            case INT8 -> {
                MemorySegment scales = matrix.scales().orElseThrow();
                for (int j = 0; j < count; j += LANES) {
                    int8(matrix.values(), start + j)
                            .mul(scale(scales, start + j))
                            .intoArray(out, at + j);
                }
            }
            case INT4 -> {
                MemorySegment scales = matrix.scales().orElseThrow();
                int half = ValueType.GROUP / 2;
                for (int j = 0; j < count; j += ValueType.GROUP) {
                    FloatVector scale = scale(scales, start + j);
                    for (int i = 0; i < half; i += LANES) {
                        IntVector pairs = bytes(matrix.values(), (start + j) / 2 + i);
                        lowNibble(pairs).mul(scale).intoArray(out, at + j + i);
                        highNibble(pairs).mul(scale).intoArray(out, at + j + half + i);
                    }
                }
            }
            case BF16, F16, F32 -> {
                for (int j = 0; j < count; j += LANES) {
                    wide(matrix, start + j).intoArray(out, at + j);
                }
            }
        }
    }

    @Override
    public void multiply(
            float[] rows,
            int count,
            int width,
            float[] x,
            int tokens,
            float[] y,
            int first,
            int outputs) {
        int t = 0;
        for (; t + 1 < tokens; t += 2) {
            multiplyTwo(rows, count, width, x, t, y, first, outputs);
        }
        if (t < tokens) {
            multiplyOne(rows, count, width, x, t, y, first, outputs);
        }
    }

    private static void multiplyTwo(
            float[] rows,
            int count,
            int width,
            float[] x,
            int t,
            float[] y,
            int first,
            int outputs) {
        FloatVector a0 = FloatVector.zero(FLOATS);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        int from = t * width;
        for (int j = 0; j < width; j += LANES) {
            FloatVector xa = FloatVector.fromArray(FLOATS, x, from + j);
            FloatVector xb = FloatVector.fromArray(FLOATS, x, from + width + j);
            FloatVector row = FloatVector.fromArray(FLOATS, rows, j);
            a0 = row.fma(xa, a0);
            b0 = row.fma(xb, b0);
            row = FloatVector.fromArray(FLOATS, rows, width + j);
            a1 = row.fma(xa, a1);
            b1 = row.fma(xb, b1);
            row = FloatVector.fromArray(FLOATS, rows, 2 * width + j);
            a2 = row.fma(xa, a2);
            b2 = row.fma(xb, b2);
            row = FloatVector.fromArray(FLOATS, rows, 3 * width + j);
            a3 = row.fma(xa, a3);
            b3 = row.fma(xb, b3);
        }
        store(a0, a1, a2, a3, count, y, t * outputs + first);
        store(b0, b1, b2, b3, count, y, (t + 1) * outputs + first);
    }

    private static void multiplyOne(
            float[] rows,
            int count,
            int width,
            float[] x,
            int t,
            float[] y,
            int first,
            int outputs) {
        FloatVector a0 = FloatVector.zero(FLOATS);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        for (int j = 0; j < width; j += LANES) {
            FloatVector xa = FloatVector.fromArray(FLOATS, x, t * width + j);
            a0 = FloatVector.fromArray(FLOATS, rows, j).fma(xa, a0);
            a1 = FloatVector.fromArray(FLOATS, rows, width + j).fma(xa, a1);
            a2 = FloatVector.fromArray(FLOATS, rows, 2 * width + j).fma(xa, a2);
            a3 = FloatVector.fromArray(FLOATS, rows, 3 * width + j).fma(xa, a3);
        }
        store(a0, a1, a2, a3, count, y, t * outputs + first);
    }

    private static void store(
            FloatVector a,
            FloatVector b,
            FloatVector c,
            FloatVector d,
            int count,
            float[] y,
            int at) {
        y[at] = a.reduceLanes(ADD);
        if (count == TILE) {
            y[at + 1] = b.reduceLanes(ADD);
            y[at + 2] = c.reduceLanes(ADD);
            y[at + 3] = d.reduceLanes(ADD);
        } else {
            if (count > 1) {
                y[at + 1] = b.reduceLanes(ADD);
            }
            if (count > 2) {
                y[at + 2] = c.reduceLanes(ADD);
            }
        }
    }

    @Override
    public float dotBf16(float[] a, int from, MemorySegment values, long offset, int count) {
        FloatVector sum = FloatVector.zero(FLOATS);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            sum = bf16(values, offset + j).fma(FloatVector.fromArray(FLOATS, a, from + j), sum);
        }
        float rest = 0;
        for (; j < count; j++) {
            rest += a[from + j] * DType.BF16.get(values, offset + j);
        }
        return sum.reduceLanes(ADD) + rest;
    }

    @Override
    public void addBf16(
            float weight, MemorySegment values, long offset, int count, float[] out, int from) {
        FloatVector factor = FloatVector.broadcast(FLOATS, weight);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            bf16(values, offset + j)
                    .fma(factor, FloatVector.fromArray(FLOATS, out, from + j))
                    .intoArray(out, from + j);
        }
        for (; j < count; j++) {
            out[from + j] += weight * DType.BF16.get(values, offset + j);
        }
    }

    @Override
    public float sumOfSquares(float[] x, int from, int count) {
        FloatVector sum = FloatVector.zero(FLOATS);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            FloatVector some = FloatVector.fromArray(FLOATS, x, from + j);
            sum = some.fma(some, sum);
        }
        float rest = 0;
        for (; j < count; j++) {
            rest += x[from + j] * x[from + j];
        }
        return sum.reduceLanes(ADD) + rest;
    }

    @Override
    public float exponentials(float[] x, int count, float shift) {
        FloatVector sum = FloatVector.zero(FLOATS);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            FloatVector some = FloatVector.fromArray(FLOATS, x, j).sub(shift).lanewise(EXP);
            some.intoArray(x, j);
            sum = sum.add(some);
        }
        float rest = 0;
        for (; j < count; j++) {
            x[j] = (float) Math.exp(x[j] - shift);
            rest += x[j];
        }
        return sum.reduceLanes(ADD) + rest;
    }

    @Override
    public void silu(float[] gate, float[] up, int from, int count) {
        int j = from;
        for (; j + LANES <= from + count; j += LANES) {
            FloatVector some = FloatVector.fromArray(FLOATS, gate, j);
            some.div(some.neg().lanewise(EXP).add(1))
                    .mul(FloatVector.fromArray(FLOATS, up, j))
                    .intoArray(gate, j);
        }
        for (; j < from + count; j++) {
            gate[j] = gate[j] / (1 + (float) Math.exp(-gate[j])) * up[j];
        }
    }

    @Override
    public String description() {
        return "Vector API, " + FLOATS.vectorBitSize() + " bit";
    }
}
