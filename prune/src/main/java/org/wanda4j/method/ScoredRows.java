package org.wanda4j.method;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.RowSelector;

/// Does something with every row of a matrix of scores: each is computed when its turn comes, on one of several threads, so
/// that the matrix is never in memory.
final class ScoredRows {

    private ScoredRows() {}

    /// Marks what of a row is removed. Used by one thread.
    @FunctionalInterface
    interface Marker {

        /// @param row scores by column
        /// @param words of the mask
        /// @param firstWord of the row
        void mark(float[] row, long[] words, int firstWord);
    }

    /// Adds something about a row to a thread's counts. Used by one thread.
    @FunctionalInterface
    interface Counter {

        /// @param row scores by column
        void count(float[] row, long[] counts);
    }

    /// The mask that `markers` make.
    ///
    /// @param markers called once in each thread
    static Mask mark(Scores scores, int threads, Function<RowSelector, Marker> markers) {
        Mask mask = new Mask(scores.rows(), scores.columns());
        RowWork.share(
                scores.rows(),
                threads,
                () -> {
                    Marker marker = markers.apply(Kernels.best().selector());
                    float[] row = new float[scores.columns()];
                    return i -> {
                        scores.row(i, row);
                        marker.mark(row, mask.words(), i * mask.wordsPerRow());
                    };
                });
        return mask;
    }

    /// The sums over all rows of `bins` counts.
    ///
    /// @param counters called once in each thread
    static long[] count(
            Scores scores, int threads, int bins, Function<RowSelector, Counter> counters) {
        List<long[]> parts = Collections.synchronizedList(new ArrayList<>());
        RowWork.share(
                scores.rows(),
                threads,
                () -> {
                    Counter counter = counters.apply(Kernels.best().selector());
                    float[] row = new float[scores.columns()];
                    long[] counts = new long[bins];
                    parts.add(counts);
                    return i -> {
                        scores.row(i, row);
                        counter.count(row, counts);
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
}
