package org.wanda4j.runtime.internal.kernels;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.B2F;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;
import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.util.Arrays;
import java.util.Optional;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.wanda4j.checkpoint.ValueType;

/// [RowKernels] with the Vector API, for any vector width.
///
/// A row that is sparse or quantised is decoded to fp32 before it is multiplied; [WideKernels] avoids that on processors that can.
public class VectorKernels implements RowKernels {

    static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    static final int LANES = FLOATS.length();

    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
    private static final VectorSpecies<Byte> BYTES =
            VectorSpecies.of(
                    byte.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 4)));

    private static final VectorShuffle<Float> ZIP_FIRST = VectorShuffle.makeZip(FLOATS, 0);
    private static final VectorShuffle<Float> ZIP_SECOND = VectorShuffle.makeZip(FLOATS, 1);

    private static final long LANE_BITS = (1L << LANES) - 1;

    /// Narrower vectors have no instruction that expands them.
    private static final boolean EXPANDS = LANES >= 8;

    private static final VectorShuffle<Float> BY_8 = rotation(8);
    private static final VectorShuffle<Float> BY_4 = rotation(4);
    private static final VectorShuffle<Float> BY_2 = rotation(2);
    private static final VectorShuffle<Float> BY_1 = rotation(1);

    private static final float LOG2_E = (float) (1 / Math.log(2));

    /// Added to a float and taken away again, it rounds it to a whole number, which is in the lower bits in between.
    private static final float TO_WHOLE = 0x1.8p23f;

    private static final float LEAST_EXPONENT = -87;
    private static final float LARGEST_EXPONENT = 88;
    private static final int EXPONENT_BIT = 23;

    private static final float[] EXPONENTIAL = new float[Exponential.P.size()];

    static {
        for (int i = 0; i < EXPONENTIAL.length; i++) {
            EXPONENTIAL[i] = Exponential.P.get(i).floatValue();
        }
    }

    private static VectorShuffle<Float> rotation(int distance) {
        return VectorShuffle.fromOp(FLOATS, lane -> (lane + distance) % LANES);
    }

    /// The sum of all lanes, in one order. That of `reduceLanes` is another once the JVM has compiled what calls it.
    static float sum(FloatVector vector) {
        FloatVector sum = vector;
        if (LANES > 8) {
            sum = sum.add(sum.rearrange(BY_8));
        }
        if (LANES > 4) {
            sum = sum.add(sum.rearrange(BY_4));
        }
        if (LANES > 2) {
            sum = sum.add(sum.rearrange(BY_2));
        }
        return sum.add(sum.rearrange(BY_1)).lane(0);
    }

    /// `e^x` to within two units in the last place, 0 below [#LEAST_EXPONENT]. That of the Vector API has other last digits once the JVM has
    /// compiled what calls it.
    private static FloatVector exp(FloatVector x) {
        FloatVector bounded = x.min(LARGEST_EXPONENT).max(LEAST_EXPONENT);
        FloatVector shifted = bounded.mul(LOG2_E).add(TO_WHOLE);
        FloatVector whole = shifted.sub(TO_WHOLE);
        FloatVector rest =
                whole.fma(
                        FloatVector.broadcast(FLOATS, (float) -Exponential.LN_2_LOW),
                        whole.fma(
                                FloatVector.broadcast(FLOATS, (float) -Exponential.LN_2_HIGH),
                                bounded));
        FloatVector sum = FloatVector.broadcast(FLOATS, EXPONENTIAL[0]);
        for (int i = 1; i < EXPONENTIAL.length; i++) {
            sum = sum.fma(rest, FloatVector.broadcast(FLOATS, EXPONENTIAL[i]));
        }
        FloatVector power = sum.fma(rest.mul(rest), rest).add(1);
        return power.reinterpretAsInts()
                .add(shifted.reinterpretAsInts().lanewise(LSHL, EXPONENT_BIT))
                .reinterpretAsFloats()
                .blend(0, x.lt(LEAST_EXPONENT));
    }

    /// A row that is not plain floating point takes three to eight times as long as one of bf16.
    @Override
    public Optional<ValueType> denseType(MappedMatrix matrix, int threads) {
        return matrix.type().isQuantised() || (matrix.isSparse() && matrix.type() == ValueType.BF16)
                ? Optional.of(ValueType.BF16)
                : Optional.empty();
    }

    @Override
    public void products(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        int columns = matrix.columns();
        for (int i = from; i < to; i++) {
            if (matrix.isSparse() || matrix.type().isQuantised()) {
                int width = RowKernels.padded(columns);
                decode(matrix, i, scratch.values, width, scratch);
                y[i] = dot(scratch.values, width, x, width);
            } else {
                y[i] = dotWide(matrix.type(), matrix.rowValues(i), columns, x);
            }
        }
    }

    private static float dot(float[] row, int from, float[] x, int width) {
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = even;
        for (int j = 0; j < width; j += 2 * LANES) {
            even =
                    FloatVector.fromArray(FLOATS, row, from + j)
                            .fma(FloatVector.fromArray(FLOATS, x, j), even);
            odd =
                    FloatVector.fromArray(FLOATS, row, from + j + LANES)
                            .fma(FloatVector.fromArray(FLOATS, x, j + LANES), odd);
        }
        return sum(even.add(odd));
    }

    private static float dotWide(ValueType type, long values, int count, float[] x) {
        FloatVector sum = FloatVector.zero(FLOATS);
        int bytes = type.bits() / Byte.SIZE;
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            sum =
                    wide(type, values + (long) j * bytes)
                            .fma(FloatVector.fromArray(FLOATS, x, j), sum);
        }
        float rest = 0;
        for (; j < count; j++) {
            rest += ScalarKernels.value(type, values, j) * x[j];
        }
        return sum(sum) + rest;
    }

    static FloatVector wide(ValueType type, long address) {
        return switch (type) {
            case F32 -> FloatVector.fromMemorySegment(FLOATS, MEMORY, address, LITTLE_ENDIAN);
            case F16 -> f16(address);
            default -> bf16(address);
        };
    }

    static FloatVector bf16(long address) {
        return shorts(address).lanewise(LSHL, 16).reinterpretAsFloats();
    }

    private static IntVector shorts(long address) {
        return (IntVector)
                ShortVector.fromMemorySegment(SHORTS, MEMORY, address, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, INTS, 0);
    }

    /// Exponent and mantissa move to their places in an fp32; a factor of 2^112 makes up for the biases, and is right for
    /// subnormal numbers too.
    private static FloatVector f16(long address) {
        IntVector bits = shorts(address);
        return bits.and(0x7fff)
                .lanewise(LSHL, 13)
                .reinterpretAsFloats()
                .mul(0x1p112f)
                .reinterpretAsInts()
                .or(bits.and(0x8000).lanewise(LSHL, 16))
                .reinterpretAsFloats();
    }

    @Override
    public void decode(MappedMatrix matrix, int row, float[] out, int at, Scratch scratch) {
        int columns = matrix.columns();
        ValueType type = matrix.type();
        long values = matrix.rowValues(row);
        if (!matrix.isSparse()) {
            unpack(type, values, Math.toIntExact(type.padded(columns)), out, at);
        } else {
            long bitmask = matrix.rowBitmask(row);
            for (int column = 0; column < columns; column += Long.SIZE) {
                long word = MappedMatrix.word(bitmask, column, columns);
                unpack(type, values, Long.bitCount(word), scratch.values, 0);
                expand(word, scratch.values, out, at + column);
                values += MappedMatrix.wordBytes(type, word);
            }
        }
        Arrays.fill(out, at + columns, at + RowKernels.padded(columns), 0);
        if (type.isQuantised()) {
            long scales = matrix.rowScales(row);
            for (int column = 0; column < columns; column += LANES) {
                FloatVector.fromArray(FLOATS, out, at + column)
                        .mul(MappedMatrix.scale(type, scales, column))
                        .intoArray(out, at + column);
            }
        }
    }

    /// The next `count` values, without their scales; as many as fit a vector or two are overwritten behind them.
    private static void unpack(ValueType type, long values, int count, float[] out, int at) {
        switch (type) {
            case F32, F16, BF16 -> {
                int bytes = type.bits() / Byte.SIZE;
                int j = 0;
                for (; j + LANES <= count; j += LANES) {
                    wide(type, values + (long) j * bytes).intoArray(out, at + j);
                }
                for (; j < count; j++) {
                    out[at + j] = ScalarKernels.value(type, values, j);
                }
            }
            case INT8, Q8_0 -> {
                for (int j = 0; j < count; j += LANES) {
                    ((FloatVector) bytes(values + j).convertShape(B2F, FLOATS, 0))
                            .intoArray(out, at + j);
                }
            }
            case INT4, Q4_0 -> {
                for (int j = 0; j < count; j += 2 * LANES) {
                    IntVector pairs = (IntVector) bytes(values + j / 2).convertShape(B2I, INTS, 0);
                    var first = (FloatVector) pairs.lanewise(ASHR, 4).convert(I2F, 0);
                    var second =
                            (FloatVector)
                                    pairs.lanewise(LSHL, 28).lanewise(ASHR, 28).convert(I2F, 0);
                    first.rearrange(ZIP_FIRST, second).intoArray(out, at + j);
                    first.rearrange(ZIP_SECOND, second).intoArray(out, at + j + LANES);
                }
            }
        }
    }

    private static ByteVector bytes(long address) {
        return ByteVector.fromMemorySegment(BYTES, MEMORY, address, LITTLE_ENDIAN);
    }

    /// Moves values to the places of a word, and zeros between them.
    private static void expand(long word, float[] kept, float[] out, int at) {
        int count = 0;
        if (!EXPANDS) {
            Arrays.fill(out, at, at + Long.SIZE, 0);
            for (long rest = word; rest != 0; rest &= rest - 1) {
                out[at + Long.numberOfTrailingZeros(rest)] = kept[count++];
            }
            return;
        }
        for (int j = 0; j < Long.SIZE; j += LANES) {
            long places = (word >>> j) & LANE_BITS;
            FloatVector.fromArray(FLOATS, kept, count)
                    .expand(VectorMask.fromLong(FLOATS, places))
                    .intoArray(out, at + j);
            count += Long.bitCount(places);
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
        for (int t = 0; t < tokens; t += 4) {
            for (int i = 0; i < count; i += 4) {
                int wide = Math.min(4, tokens - t);
                if (wide == 4) {
                    multiplyFour(rows, i, width, x, t, y, t * outputs + first + i, outputs);
                } else {
                    for (int k = t; k < t + wide; k++) {
                        multiplyOne(rows, i, width, x, k, y, k * outputs + first + i);
                    }
                }
            }
        }
    }

    /// Four rows by four activations.
    private static void multiplyFour(
            float[] rows, int row, int width, float[] x, int t, float[] y, int at, int outputs) {
        FloatVector a0 = FloatVector.zero(FLOATS);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        FloatVector c0 = a0;
        FloatVector c1 = a0;
        FloatVector c2 = a0;
        FloatVector c3 = a0;
        FloatVector d0 = a0;
        FloatVector d1 = a0;
        FloatVector d2 = a0;
        FloatVector d3 = a0;
        int xa = t * width;
        int xb = xa + width;
        int xc = xb + width;
        int xd = xc + width;
        int r0 = row * width;
        int r1 = r0 + width;
        int r2 = r1 + width;
        int r3 = r2 + width;
        for (int j = 0; j < width; j += LANES) {
            FloatVector a = FloatVector.fromArray(FLOATS, x, xa + j);
            FloatVector b = FloatVector.fromArray(FLOATS, x, xb + j);
            FloatVector c = FloatVector.fromArray(FLOATS, x, xc + j);
            FloatVector d = FloatVector.fromArray(FLOATS, x, xd + j);
            FloatVector w = FloatVector.fromArray(FLOATS, rows, r0 + j);
            a0 = w.fma(a, a0);
            b0 = w.fma(b, b0);
            c0 = w.fma(c, c0);
            d0 = w.fma(d, d0);
            w = FloatVector.fromArray(FLOATS, rows, r1 + j);
            a1 = w.fma(a, a1);
            b1 = w.fma(b, b1);
            c1 = w.fma(c, c1);
            d1 = w.fma(d, d1);
            w = FloatVector.fromArray(FLOATS, rows, r2 + j);
            a2 = w.fma(a, a2);
            b2 = w.fma(b, b2);
            c2 = w.fma(c, c2);
            d2 = w.fma(d, d2);
            w = FloatVector.fromArray(FLOATS, rows, r3 + j);
            a3 = w.fma(a, a3);
            b3 = w.fma(b, b3);
            c3 = w.fma(c, c3);
            d3 = w.fma(d, d3);
        }
        store(a0, a1, a2, a3, y, at);
        store(b0, b1, b2, b3, y, at + outputs);
        store(c0, c1, c2, c3, y, at + 2 * outputs);
        store(d0, d1, d2, d3, y, at + 3 * outputs);
    }

    /// Four rows by one activation.
    private static void multiplyOne(
            float[] rows, int row, int width, float[] x, int t, float[] y, int at) {
        FloatVector a0 = FloatVector.zero(FLOATS);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        int r0 = row * width;
        for (int j = 0; j < width; j += LANES) {
            FloatVector a = FloatVector.fromArray(FLOATS, x, t * width + j);
            a0 = FloatVector.fromArray(FLOATS, rows, r0 + j).fma(a, a0);
            a1 = FloatVector.fromArray(FLOATS, rows, r0 + width + j).fma(a, a1);
            a2 = FloatVector.fromArray(FLOATS, rows, r0 + 2 * width + j).fma(a, a2);
            a3 = FloatVector.fromArray(FLOATS, rows, r0 + 3 * width + j).fma(a, a3);
        }
        store(a0, a1, a2, a3, y, at);
    }

    private static void store(
            FloatVector a, FloatVector b, FloatVector c, FloatVector d, float[] y, int at) {
        y[at] = sum(a);
        y[at + 1] = sum(b);
        y[at + 2] = sum(c);
        y[at + 3] = sum(d);
    }

    @Override
    public void dots(float[] query, int from, CachedHead head, float[] scores, Scratch scratch) {
        int size = head.size();
        int position = 0;
        for (int run = 0; run < head.runs(); run++) {
            for (int i = 0; i < head.positions(run); i++) {
                scores[position++] = dot(query, from, head.keys(run) + 2L * i * size, size);
            }
        }
    }

    @Override
    public void mix(
            float[] weights, float factor, CachedHead head, float[] out, int to, Scratch scratch) {
        int size = head.size();
        Arrays.fill(out, to, to + size, 0);
        int position = 0;
        for (int run = 0; run < head.runs(); run++) {
            for (int i = 0; i < head.positions(run); i++) {
                add(weights[position++], head.values(run) + 2L * i * size, size, out, to);
            }
        }
        for (int j = to; j < to + size; j++) {
            out[j] *= factor;
        }
    }

    private static float dot(float[] a, int from, long values, int count) {
        FloatVector sum = FloatVector.zero(FLOATS);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            sum = bf16(values + 2L * j).fma(FloatVector.fromArray(FLOATS, a, from + j), sum);
        }
        float rest = 0;
        for (; j < count; j++) {
            rest += a[from + j] * ScalarKernels.value(ValueType.BF16, values, j);
        }
        return sum(sum) + rest;
    }

    private static void add(float weight, long values, int count, float[] out, int from) {
        FloatVector factor = FloatVector.broadcast(FLOATS, weight);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            bf16(values + 2L * j)
                    .fma(factor, FloatVector.fromArray(FLOATS, out, from + j))
                    .intoArray(out, from + j);
        }
        for (; j < count; j++) {
            out[from + j] += weight * ScalarKernels.value(ValueType.BF16, values, j);
        }
    }

    @Override
    public void scale(
            float[] x, int from, float factor, float[] weight, float[] y, int to, int count) {
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            FloatVector.fromArray(FLOATS, x, from + j)
                    .mul(factor)
                    .mul(FloatVector.fromArray(FLOATS, weight, j))
                    .intoArray(y, to + j);
        }
        for (; j < count; j++) {
            y[to + j] = x[from + j] * factor * weight[j];
        }
    }

    @Override
    public void add(float[] x, float[] sum, int from, int count) {
        int j = from;
        for (; j + LANES <= from + count; j += LANES) {
            FloatVector.fromArray(FLOATS, sum, j)
                    .add(FloatVector.fromArray(FLOATS, x, j))
                    .intoArray(sum, j);
        }
        for (; j < from + count; j++) {
            sum[j] += x[j];
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
        return sum(sum) + rest;
    }

    @Override
    public float exponentials(float[] x, int count, float shift) {
        FloatVector sum = FloatVector.zero(FLOATS);
        int j = 0;
        for (; j + LANES <= count; j += LANES) {
            FloatVector some = exp(FloatVector.fromArray(FLOATS, x, j).sub(shift));
            some.intoArray(x, j);
            sum = sum.add(some);
        }
        float rest = 0;
        for (; j < count; j++) {
            x[j] = (float) Math.exp(x[j] - shift);
            rest += x[j];
        }
        return sum(sum) + rest;
    }

    @Override
    public void silu(float[] gate, float[] up, int from, int count) {
        int j = from;
        for (; j + LANES <= from + count; j += LANES) {
            FloatVector some = FloatVector.fromArray(FLOATS, gate, j);
            some.div(exp(some.neg()).add(1))
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
