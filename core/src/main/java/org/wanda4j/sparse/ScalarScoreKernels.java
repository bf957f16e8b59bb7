package org.wanda4j.sparse;

import static java.lang.Float.floatToRawIntBits;

/// The reference for [ScoreKernels], a score at a time.
final class ScalarScoreKernels implements ScoreKernels {

    @Override
    public float sum(float[] scores, int from, int to) {
        float sum = 0;
        for (int j = from; j < to; j++) {
            sum += scores[j];
        }
        return sum;
    }

    @Override
    public void countBelow(float[] scores, int from, int to, int[] pivots, int[] counts) {
        int count0 = 0;
        int count1 = 0;
        int count2 = 0;
        for (int j = from; j < to; j++) {
            int bits = floatToRawIntBits(scores[j]);
            count0 += bits < pivots[0] ? 1 : 0;
            count1 += bits < pivots[1] ? 1 : 0;
            count2 += bits < pivots[2] ? 1 : 0;
        }
        counts[0] = count0;
        counts[1] = count1;
        counts[2] = count2;
    }

    @Override
    public void range(float[] scores, int from, int to, int low, int high, int[] range) {
        int min = Integer.MAX_VALUE;
        int max = 0;
        for (int j = from; j < to; j++) {
            int bits = floatToRawIntBits(scores[j]);
            if (bits >= low && bits < high) {
                min = Math.min(min, bits);
                max = Math.max(max, bits);
            }
        }
        range[0] = min;
        range[1] = max;
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
        for (int j = from; j < to; j++) {
            int bits = floatToRawIntBits(scores[j]);
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
        return 8;
    }

    @Override
    public void markRuns(float[] scores, int columns, int n, int m, long[] words, int firstWord) {
        markRuns(scores, 0, columns, n, m, words, firstWord);
    }

    /// As [#markRuns(float\[\], int, int, int, long\[\], int)] for the columns in `[from, to)`.
    void markRuns(float[] scores, int from, int to, int n, int m, long[] words, int firstWord) {
        for (int start = from; start < to; start += m) {
            for (int j = start; j < start + m; j++) {
                if (rank(scores, start, m, j) < n) {
                    words[firstWord + (j >>> 6)] |= 1L << j;
                }
            }
        }
    }

    /// How many of a run go before column `j`.
    private static int rank(float[] scores, int start, int m, int j) {
        int rank = 0;
        for (int other = start; other < j; other++) {
            rank += scores[other] <= scores[j] ? 1 : 0;
        }
        for (int other = j + 1; other < start + m; other++) {
            rank += scores[other] < scores[j] ? 1 : 0;
        }
        return rank;
    }

    @Override
    public void countUpper(float[] scores, int columns, long[] counts) {
        for (int j = 0; j < columns; j++) {
            counts[floatToRawIntBits(scores[j]) >>> 16]++;
        }
    }

    @Override
    public void countLower(float[] scores, int columns, int upper, long[] counts) {
        for (int j = 0; j < columns; j++) {
            int bits = floatToRawIntBits(scores[j]);
            if (bits >>> 16 == upper) {
                counts[bits & 0xffff]++;
            }
        }
    }
}
