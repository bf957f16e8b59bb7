package org.wanda4j.sparse;

import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.MIN;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/// [ScoreKernels] with the Vector API.
///
/// Bit patterns of scores are not negative, so `a - b` does not overflow and its sign bit is `a < b`: a count
/// needs a subtraction, a shift and an addition, and no mask.
final class VectorScoreKernels implements ScoreKernels {

    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final int LANES = INTS.length();

    private final ScalarScoreKernels scalar = new ScalarScoreKernels();

    private static IntVector bits(float[] scores, int j) {
        return FloatVector.fromArray(FLOATS, scores, j).reinterpretAsInts();
    }

    /// 1 in the lanes where `a < b`, else 0.
    private static IntVector less(IntVector a, IntVector b) {
        return a.sub(b).lanewise(LSHR, 31);
    }

    @Override
    public float sum(float[] scores, int from, int to) {
        FloatVector sum0 = FloatVector.zero(FLOATS);
        FloatVector sum1 = FloatVector.zero(FLOATS);
        int j = from;
        for (int end = to - 2 * LANES; j <= end; j += 2 * LANES) {
            sum0 = sum0.add(FloatVector.fromArray(FLOATS, scores, j));
            sum1 = sum1.add(FloatVector.fromArray(FLOATS, scores, j + LANES));
        }
        return sum0.add(sum1).reduceLanes(ADD) + scalar.sum(scores, j, to);
    }

    @Override
    public void countBelow(float[] scores, int from, int to, int[] pivots, int[] counts) {
        IntVector pivot0 = IntVector.broadcast(INTS, pivots[0]);
        IntVector pivot1 = IntVector.broadcast(INTS, pivots[1]);
        IntVector pivot2 = IntVector.broadcast(INTS, pivots[2]);
        IntVector count0 = IntVector.zero(INTS);
        IntVector count1 = IntVector.zero(INTS);
        IntVector count2 = IntVector.zero(INTS);
        int j = from;
        for (int end = to - LANES; j <= end; j += LANES) {
            IntVector bits = bits(scores, j);
            count0 = count0.add(less(bits, pivot0));
            count1 = count1.add(less(bits, pivot1));
            count2 = count2.add(less(bits, pivot2));
        }
        scalar.countBelow(scores, j, to, pivots, counts);
        counts[0] += count0.reduceLanes(ADD);
        counts[1] += count1.reduceLanes(ADD);
        counts[2] += count2.reduceLanes(ADD);
    }

    @Override
    public void range(float[] scores, int from, int to, int low, int high, int[] range) {
        IntVector min = IntVector.broadcast(INTS, Integer.MAX_VALUE);
        IntVector max = IntVector.zero(INTS);
        int j = from;
        for (int end = to - LANES; j <= end; j += LANES) {
            IntVector bits = bits(scores, j);
            IntVector belowLow = bits.sub(low).lanewise(ASHR, 31);
            IntVector belowHigh = bits.sub(high).lanewise(ASHR, 31);
            IntVector outside = belowLow.or(belowHigh.not());
            min = min.min(bits.or(outside.and(Integer.MAX_VALUE)));
            max = max.max(bits.and(outside.not()));
        }
        scalar.range(scores, j, to, low, high, range);
        range[0] = Math.min(range[0], min.reduceLanes(MIN));
        range[1] = Math.max(range[1], max.reduceLanes(MAX));
    }

    @Override
    public int markBelow(
            float[] scores,
            int from,
            int to,
            int low,
            int high,
            long[] words,
            int firstWord,
            int[] listed) {
        int count = 0;
        int j = from;
        for (int end = to - Long.SIZE; j <= end; j += Long.SIZE) {
            long belowLow = 0;
            long belowHigh = 0;
            for (int lane = 0; lane < Long.SIZE; lane += LANES) {
                IntVector bits = bits(scores, j + lane);
                belowLow |= bits.compare(LT, low).toLong() << lane;
                belowHigh |= bits.compare(LT, high).toLong() << lane;
            }
            Bits.or(words, firstWord * 64L + j, belowLow);
            for (long between = belowHigh & ~belowLow; between != 0; between &= between - 1) {
                listed[count++] = j + Long.numberOfTrailingZeros(between);
            }
        }
        for (; j < to; j++) {
            int bits = Float.floatToRawIntBits(scores[j]);
            if (bits < low) {
                words[firstWord + (j >>> 6)] |= 1L << j;
            } else if (bits < high) {
                listed[count++] = j;
            }
        }
        return count;
    }

    @Override
    public int widestRun() {
        return LANES;
    }

    @Override
    public void markRuns(float[] scores, int columns, int n, int m, long[] words, int firstWord) {
        RunRanks ranks = RunRanks.ofRuns(m);
        int full = columns & -Long.SIZE;
        for (int start = 0; start < full; start += Long.SIZE) {
            long removed = 0;
            for (int lane = 0; lane < Long.SIZE; lane += LANES) {
                removed |= ranks.of(bits(scores, start + lane)).compare(LT, n).toLong() << lane;
            }
            words[firstWord + (start >>> 6)] |= removed;
        }
        scalar.markRuns(scores, full, columns, n, m, words, firstWord);
    }

    @Override
    public void countUpper(float[] scores, int columns, long[] counts) {
        scalar.countUpper(scores, columns, counts);
    }

    @Override
    public void countLower(float[] scores, int columns, int upper, long[] counts) {
        int j = 0;
        for (int end = columns - LANES; j <= end; j += LANES) {
            long hits = bits(scores, j).lanewise(LSHR, 16).compare(EQ, upper).toLong();
            for (; hits != 0; hits &= hits - 1) {
                counts[
                        Float.floatToRawIntBits(scores[j + Long.numberOfTrailingZeros(hits)])
                                & 0xffff]++;
            }
        }
        for (; j < columns; j++) {
            int bits = Float.floatToRawIntBits(scores[j]);
            if (bits >>> 16 == upper) {
                counts[bits & 0xffff]++;
            }
        }
    }
}
