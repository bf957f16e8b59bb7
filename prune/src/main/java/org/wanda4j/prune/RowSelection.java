package org.wanda4j.prune;

import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;

/// The lowest scores of each row.
final class RowSelection {

    private RowSelection() {}

    static Mask select(Scores scores, double sparsity, int threads) {
        int columns = scores.columns();
        int removed = (int) (columns * sparsity);
        Mask mask = new Mask(scores.rows(), columns);
        RowWork.share(
                scores.rows(),
                threads,
                () -> {
                    var selector = Kernels.best().selector();
                    float[] row = new float[columns];
                    return i -> {
                        scores.row(i, row);
                        selector.markSmallest(
                                row, 0, columns, removed, mask.words(), i * mask.wordsPerRow());
                    };
                });
        return mask;
    }
}
