package org.wanda4j.sparse;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.wanda4j.checkpoint.DType;

/// [WeightKernels] with the Vector API; what is left of a row after the last full vector goes to the scalar twin.
final class VectorWeightKernels implements WeightKernels {

    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_PREFERRED;

    /// As many shorts as there are lanes of a float vector.
    private static final VectorSpecies<Short> HALF =
            VectorSpecies.of(short.class, VectorShape.forBitSize(INTS.vectorBitSize() / 2));

    private static final int INFINITY = 0x7f800000;
    private static final int F16_INFINITY = 0x7c00;

    /// 2^112, the difference of the exponent biases of fp32 and fp16.
    private static final float F16_SCALE = 0x1p112f;

    @Override
    public boolean scores(MemorySegment row, DType type, float[] norms, float[] scores) {
        int columns = ScalarWeightKernels.columns(row, type);
        int full = FLOATS.loopBound(columns);
        boolean finite =
                switch (type) {
                    case BF16 -> scoresOfBf16(row, full, norms, scores);
                    case F16 -> scoresOfF16(row, full, norms, scores);
                    default -> scoresOfF32(row, full, norms, scores);
                };
        return ScalarWeightKernels.scores(row, type, norms, scores, full) && finite;
    }

    private static boolean scoresOfBf16(
            MemorySegment row, int full, float[] norms, float[] scores) {
        IntVector largest = IntVector.zero(INTS);
        for (int j = 0; j < full; j += INTS.length()) {
            IntVector bits = shorts(row, j).lanewise(LSHL, 16).and(Integer.MAX_VALUE);
            largest = largest.max(bits);
            bits.reinterpretAsFloats()
                    .mul(FloatVector.fromArray(FLOATS, norms, j))
                    .intoArray(scores, j);
        }
        return largest.reduceLanes(MAX) < INFINITY;
    }

    /// The fp16 fields, moved to their place in fp32, are the value times 2^-112, denormals included.
    private static boolean scoresOfF16(MemorySegment row, int full, float[] norms, float[] scores) {
        IntVector largest = IntVector.zero(INTS);
        for (int j = 0; j < full; j += INTS.length()) {
            IntVector bits = shorts(row, j).and(Short.MAX_VALUE);
            largest = largest.max(bits);
            FloatVector weights = bits.lanewise(LSHL, 13).reinterpretAsFloats().mul(F16_SCALE);
            weights.mul(FloatVector.fromArray(FLOATS, norms, j)).intoArray(scores, j);
        }
        return largest.reduceLanes(MAX) < F16_INFINITY;
    }

    private static boolean scoresOfF32(MemorySegment row, int full, float[] norms, float[] scores) {
        IntVector largest = IntVector.zero(INTS);
        for (int j = 0; j < full; j += INTS.length()) {
            IntVector bits =
                    IntVector.fromMemorySegment(INTS, row, j * 4L, LITTLE_ENDIAN)
                            .and(Integer.MAX_VALUE);
            largest = largest.max(bits);
            bits.reinterpretAsFloats()
                    .mul(FloatVector.fromArray(FLOATS, norms, j))
                    .intoArray(scores, j);
        }
        return largest.reduceLanes(MAX) < INFINITY;
    }

    /// The elements from column `j` on, each in the lower half of an int; the upper half is zero.
    private static IntVector shorts(MemorySegment row, int j) {
        ShortVector elements = ShortVector.fromMemorySegment(HALF, row, j * 2L, LITTLE_ENDIAN);
        return (IntVector) elements.convertShape(ZERO_EXTEND_S2I, INTS, 0);
    }

    @Override
    public void zero(
            MemorySegment from, MemorySegment to, DType type, long[] words, int firstWord) {
        int columns = ScalarWeightKernels.columns(from, type);
        int full = columns & -Long.SIZE;
        if (type.bytes() == Short.BYTES) {
            for (int j = 0; j < full; j += SHORTS.length()) {
                var removed = VectorMask.fromLong(SHORTS, words[firstWord + (j >>> 6)] >>> j);
                ShortVector.fromMemorySegment(SHORTS, from, j * 2L, LITTLE_ENDIAN)
                        .blend((short) 0, removed)
                        .intoMemorySegment(to, j * 2L, LITTLE_ENDIAN);
            }
        } else {
            for (int j = 0; j < full; j += INTS.length()) {
                var removed = VectorMask.fromLong(INTS, words[firstWord + (j >>> 6)] >>> j);
                IntVector.fromMemorySegment(INTS, from, j * 4L, LITTLE_ENDIAN)
                        .blend(0, removed)
                        .intoMemorySegment(to, j * 4L, LITTLE_ENDIAN);
            }
        }
        ScalarWeightKernels.zero(from, to, type, words, firstWord, full);
    }

    @Override
    public int markZeros(MemorySegment row, DType type, long[] words, int firstWord) {
        int columns = ScalarWeightKernels.columns(row, type);
        int full = columns & -Long.SIZE;
        int count = 0;
        for (int start = 0; start < full; start += Long.SIZE) {
            long zeros =
                    type.bytes() == Short.BYTES ? zeroShorts(row, start) : zeroInts(row, start);
            words[firstWord + (start >>> 6)] |= zeros;
            count += Long.bitCount(zeros);
        }
        return count + ScalarWeightKernels.markZeros(row, type, words, firstWord, full);
    }

    private static long zeroShorts(MemorySegment row, int start) {
        long zeros = 0;
        for (int j = 0; j < Long.SIZE; j += SHORTS.length()) {
            ShortVector bits =
                    ShortVector.fromMemorySegment(SHORTS, row, (start + j) * 2L, LITTLE_ENDIAN);
            zeros |= bits.and(Short.MAX_VALUE).compare(EQ, (short) 0).toLong() << j;
        }
        return zeros;
    }

    private static long zeroInts(MemorySegment row, int start) {
        long zeros = 0;
        for (int j = 0; j < Long.SIZE; j += INTS.length()) {
            IntVector bits =
                    IntVector.fromMemorySegment(INTS, row, (start + j) * 4L, LITTLE_ENDIAN);
            zeros |= bits.and(Integer.MAX_VALUE).compare(EQ, 0).toLong() << j;
        }
        return zeros;
    }
}
