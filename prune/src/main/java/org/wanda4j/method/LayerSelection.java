package org.wanda4j.method;

import org.wanda4j.sparse.Mask;

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
        float threshold = scoreOfRank(rank, scores, threads);
        return ScoredRows.mark(
                scores,
                threads,
                selector ->
                        (row, words, firstWord) ->
                                selector.markAtOrBelow(
                                        row, row.length, threshold, words, firstWord));
    }

    private static float scoreOfRank(long rank, Scores scores, int threads) {
        long[] uppers =
                ScoredRows.count(
                        scores,
                        threads,
                        UPPER_HALVES,
                        selector -> (row, counts) -> selector.countUpper(row, row.length, counts));
        Bin upper = binOf(rank, uppers);
        long[] lowers =
                ScoredRows.count(
                        scores,
                        threads,
                        LOWER_HALVES,
                        selector ->
                                (row, counts) ->
                                        selector.countLower(
                                                row, row.length, upper.index(), counts));
        Bin lower = binOf(upper.rank(), lowers);
        return Float.intBitsToFloat(upper.index() << 16 | lower.index());
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
}
