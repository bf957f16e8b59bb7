package org.wanda4j.sparse;

import static java.lang.Float.floatToRawIntBits;
import static java.lang.Float.intBitsToFloat;

import java.util.Arrays;

/// Marks the smallest scores of a row, without sorting it.
///
/// The k-th smallest score is searched for by counting: a pass over the row counts the scores below three pivots,
/// which narrows the interval that holds it, until few scores are left in it. Pivots are interpolated, the first
/// of them from where the previous row's threshold lay. A pass that narrows little (ties, outliers) is followed
/// by one that shrinks the interval to the scores in it and cuts it in three by bit pattern, so the number of
/// passes is bounded whatever the scores are. Guesses cost or save passes; the result does not depend on them.
///
/// Scores are >= 0, possibly infinite, not NaN. Where a method takes `words`, column `c` is bit `c % 64` of
/// `words[firstWord + c / 64]`, as in [Mask]; bits are set, never cleared. One thread at a time.
public final class RowSelector {

    /// So few scores are cheaper to sort than to count again.
    static final int FEW = 32;

    private final ScoreKernels kernels;
    private final int[] pivots = new int[3];
    private final int[] counts = new int[3];
    private final int[] range = new int[2];
    private final int[] listed = new int[FEW];
    private final long[] keys = new long[FEW];

    /// The threshold of the rows so far, in units of their mean.
    private float usualThreshold = 0.7f;

    // the interval, as bit patterns: `below` < k <= `upTo`, the counts of scores below `low` and
    // `high`
    private int low;
    private int high;
    private int below;
    private int upTo;

    RowSelector(ScoreKernels kernels) {
        this.kernels = kernels;
    }

    /// Marks the `k` smallest of `scores[from..to)`, ties from the lower column on.
    ///
    /// @param k at most `to - from`
    public void markSmallest(float[] scores, int from, int to, int k, long[] words, int firstWord) {
        if (k < 0 || k > to - from) {
            throw new IllegalArgumentException(
                    "cannot mark " + k + " of " + (to - from) + " scores");
        }
        low = 0;
        high = Integer.MAX_VALUE;
        below = 0;
        upTo = to - from;
        narrow(scores, from, to, k);
        if (k == upTo) {
            kernels.markBelow(scores, from, to, high, high, words, firstWord, listed);
        } else if (k == below) {
            kernels.markBelow(scores, from, to, low, low, words, firstWord, listed);
        } else if (upTo - below <= FEW) {
            int count = kernels.markBelow(scores, from, to, low, high, words, firstWord, listed);
            markSmallestListed(scores, count, k - below, words, firstWord);
        } else {
            kernels.markBelow(scores, from, to, low, low, words, firstWord, listed);
            markEqual(scores, from, low, k - below, words, firstWord);
        }
    }

    /// Marks the `n` smallest of each run of `m` scores, ties from the lower column on.
    ///
    /// @param columns a multiple of `m`
    public void markSmallestOfRuns(
            float[] scores, int columns, int n, int m, long[] words, int firstWord) {
        if (columns % m != 0) {
            throw new IllegalArgumentException(columns + " columns are not runs of " + m);
        }
        if (Integer.bitCount(m) == 1 && m <= kernels.widestRun()) {
            kernels.markRuns(scores, columns, n, m, words, firstWord);
            return;
        }
        for (int from = 0; from < columns; from += m) {
            markSmallest(scores, from, from + m, n, words, firstWord);
        }
    }

    /// Marks the scores that are at most `threshold`.
    public void markAtOrBelow(
            float[] scores, int columns, float threshold, long[] words, int firstWord) {
        int above = floatToRawIntBits(threshold) + 1;
        kernels.markBelow(scores, 0, columns, above, above, words, firstWord, listed);
    }

    /// Adds to `counts[bits >>> 16]`, the upper half of each score's bit pattern.
    ///
    /// @param counts 32768 of them
    public void countUpper(float[] scores, int columns, long[] counts) {
        kernels.countUpper(scores, columns, counts);
    }

    /// Adds to `counts[bits & 0xffff]` for the scores whose upper half is `upper`.
    ///
    /// @param counts 65536 of them
    public void countLower(float[] scores, int columns, int upper, long[] counts) {
        kernels.countLower(scores, columns, upper, counts);
    }

    /// Ends when no score is left to decide on, few are, or all are equal.
    private void narrow(float[] scores, int from, int to, int k) {
        if (open(k)) {
            float mean = kernels.sum(scores, from, to) / (to - from);
            float width = 1.5f / (float) Math.sqrt(to - from);
            float guess = mean * usualThreshold;
            int before = upTo - below;
            pass(scores, from, to, k, guess * (1 - width), guess, guess * (1 + width));
            while (open(k)) {
                if (upTo - below > before / 2) {
                    before = upTo - below;
                    cutInThree(scores, from, to, k);
                } else {
                    before = upTo - below;
                    interpolate(scores, from, to, k);
                }
            }
            float threshold = intBitsToFloat(low) / mean;
            if (threshold > 0 && threshold < Float.POSITIVE_INFINITY) {
                usualThreshold += (threshold - usualThreshold) / 4;
            }
        }
    }

    private boolean open(int k) {
        return upTo - below > FEW && high - low > 1 && k != below && k != upTo;
    }

    /// Pivots around where the k-th score would lie if those in the interval were evenly spread, as far apart as
    /// it then usually is from there.
    private void interpolate(float[] scores, int from, int to, int k) {
        float bottom = intBitsToFloat(low);
        float length = intBitsToFloat(high) - bottom;
        int candidates = upTo - below;
        float share = (float) (k - below) / candidates;
        float spread = (float) Math.sqrt(share * (1 - share) / candidates);
        pass(
                scores,
                from,
                to,
                k,
                bottom + length * (share - spread),
                bottom + length * share,
                bottom + length * (share + spread));
    }

    private void cutInThree(float[] scores, int from, int to, int k) {
        kernels.range(scores, from, to, low, high, range);
        low = range[0];
        high = range[1] + 1;
        int third = (high - low) / 3;
        pass(scores, from, to, k, low + 1, low + Math.max(third, 1), high - Math.max(third, 1));
    }

    private void pass(
            float[] scores, int from, int to, int k, float pivot0, float pivot1, float pivot2) {
        pass(
                scores,
                from,
                to,
                k,
                floatToRawIntBits(pivot0),
                floatToRawIntBits(pivot1),
                floatToRawIntBits(pivot2));
    }

    /// Narrows the interval to one between pivots. A pivot outside of it is moved to its ends.
    private void pass(float[] scores, int from, int to, int k, int pivot0, int pivot1, int pivot2) {
        pivots[0] = Math.clamp(pivot0, low, high);
        pivots[1] = Math.clamp(pivot1, low, high);
        pivots[2] = Math.clamp(pivot2, low, high);
        kernels.countBelow(scores, from, to, pivots, counts);
        for (int i = 0; i < pivots.length; i++) {
            if (counts[i] <= k && pivots[i] > low) {
                low = pivots[i];
                below = counts[i];
            }
            if (counts[i] >= k && pivots[i] < high) {
                high = pivots[i];
                upTo = counts[i];
            }
        }
    }

    /// Marks the `k` smallest of the listed columns. Sorted by score, then column.
    private void markSmallestListed(float[] scores, int count, int k, long[] words, int firstWord) {
        for (int i = 0; i < count; i++) {
            keys[i] = (long) floatToRawIntBits(scores[listed[i]]) << 32 | listed[i];
        }
        Arrays.sort(keys, 0, count);
        for (int i = 0; i < k; i++) {
            int column = (int) keys[i];
            words[firstWord + (column >>> 6)] |= 1L << column;
        }
    }

    /// Marks the first `k` scores that are `value`.
    private static void markEqual(
            float[] scores, int from, int value, int k, long[] words, int firstWord) {
        for (int column = from, left = k; left > 0; column++) {
            if (floatToRawIntBits(scores[column]) == value) {
                words[firstWord + (column >>> 6)] |= 1L << column;
                left--;
            }
        }
    }
}
