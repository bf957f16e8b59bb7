package org.wanda4j.method;

import java.util.Arrays;

/// A row of scores in ascending order, with their running sum.
final class SortedRow {

    private final float[] sorted;
    private final float[] runningSum;
    private float total;

    SortedRow(int columns) {
        sorted = new float[columns];
        runningSum = new float[columns];
    }

    /// Takes over a row.
    void load(float[] row) {
        System.arraycopy(row, 0, sorted, 0, sorted.length);
        Arrays.sort(sorted);
        double sum = 0;
        for (int i = 0; i < sorted.length; i++) {
            sum += sorted[i];
            runningSum[i] = (float) sum;
        }
        total = (float) sum;
    }

    /// How many running sums are at most `alpha` times the total.
    ///
    /// @param from a lower bound of the result
    int positionsWithin(double alpha, int from) {
        float limit = total * (float) alpha;
        int position = from;
        while (position < runningSum.length && runningSum[position] <= limit) {
            position++;
        }
        return position;
    }

    /// How many scores are at most the last of the first `positions` in ascending order; none for 0, where the
    /// reference fails.
    int atOrBelow(int positions) {
        if (positions == 0) {
            return 0;
        }
        int end = positions;
        while (end < sorted.length && sorted[end] == sorted[positions - 1]) {
            end++;
        }
        return end;
    }
}
