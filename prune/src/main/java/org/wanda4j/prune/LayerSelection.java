package org.wanda4j.prune;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.RowSelector;

/// The lowest scores of the matrix.
///
/// The threshold is found by radix selection on the scores' bit patterns: a histogram of the upper halves says
/// which upper half it has, one of the lower halves below that gives the rest. Each histogram and the marking
/// compute the scores anew, so that the matrix of scores is never in memory.
final class LayerSelection {

    private static final int UPPER_HALVES = 1 << 15;
    private static final int LOWER_HALVES = 1 << 16;

    private LayerSelection() {}

    static Mask select(Scores scores, double sparsity, int threads) {
        long rank = (long) ((double) scores.rows() * scores.columns() * sparsity);
        Bin upper = binOf(rank, histogram(scores, threads, UPPER_HALVES, RowSelector::countUpper));
        Bin lower =
                binOf(
                        upper.rank(),
                        histogram(
                                scores,
                                threads,
                                LOWER_HALVES,
                                (selector, row, columns, counts) ->
                                        selector.countLower(row, columns, upper.index(), counts)));
        float threshold = Float.intBitsToFloat(upper.index() << 16 | lower.index());
        return atOrBelow(scores, threshold, threads);
    }

    /// @param index of a bin
    /// @param rank within the bin, from 0
    private record Bin(int index, long rank) {}

    /// The bin that holds element `rank` of the ascending order.
    private static Bin binOf(long rank, long[] histogram) {
        long left = rank;
        int bin = 0;
        while (left >= histogram[bin]) {
            left -= histogram[bin++];
        }
        return new Bin(bin, left);
    }

    private interface Count {
        void add(RowSelector selector, float[] row, int columns, long[] counts);
    }

    private static long[] histogram(Scores scores, int threads, int bins, Count count) {
        int columns = scores.columns();
        List<long[]> parts = Collections.synchronizedList(new ArrayList<>());
        RowWork.share(
                scores.rows(),
                threads,
                () -> {
                    var selector = Kernels.best().selector();
                    float[] row = new float[columns];
                    long[] counts = new long[bins];
                    parts.add(counts);
                    return i -> {
                        scores.row(i, row);
                        count.add(selector, row, columns, counts);
                    };
                });
        long[] sum = new long[bins];
        for (long[] part : parts) {
            for (int bin = 0; bin < bins; bin++) {
                sum[bin] += part[bin];
            }
        }
        return sum;
    }

    private static Mask atOrBelow(Scores scores, float threshold, int threads) {
        int columns = scores.columns();
        Mask mask = new Mask(scores.rows(), columns);
        RowWork.share(
                scores.rows(),
                threads,
                () -> {
                    var selector = Kernels.best().selector();
                    float[] row = new float[columns];
                    return i -> {
                        scores.row(i, row);
                        selector.markAtOrBelow(
                                row, columns, threshold, mask.words(), i * mask.wordsPerRow());
                    };
                });
        return mask;
    }
}
