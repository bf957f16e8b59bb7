package org.wanda4j.method;

import java.util.ArrayList;
import java.util.List;
import org.wanda4j.sparse.Mask;

/// The lowest scores of each row that make up a share `alpha` of its sum: the `wanda-variant` of the reference.
///
/// `alpha` starts at 0.4 and is bisected in [0, 0.8] until the matrix has the sparsity. The reference sorts the
/// matrix for each `alpha` that it tries. Those are the path through a tree that is known beforehand, so here
/// one sort of each row counts what every `alpha` of the tree would remove, and a second one finds the row's
/// threshold for the `alpha` at which the path ends; no matrix of scores is held.
///
/// Sums are as in PyTorch: accumulated in double, each running sum rounded to fp32.
final class CumulativeMassSelection {

    private static final float TOLERANCE = 0.001f;

    private CumulativeMassSelection() {}

    static Mask select(Scores scores, double sparsity, int threads) {
        List<Trial> trials = new ArrayList<>();
        Trial first = plan(0.4, 0, 0.8, trials);
        long[] removed = countRemoved(scores, trials, threads);
        Trial found =
                bisect(first, removed, (double) scores.rows() * scores.columns(), (float) sparsity);
        return remove(scores, found.alpha(), threads);
    }

    /// An `alpha` that the bisection may try.
    ///
    /// @param order its place among all of them, ascending
    /// @param next the trials to go on with when this one removes too much, or too little; empty at the end
    private record Trial(double alpha, int order, List<Trial> next) {}

    /// All trials from one on, added to `ascending` in the order of their `alpha`.
    private static Trial plan(double alpha, double from, double to, List<Trial> ascending) {
        if (!(to - from >= 0.001)) {
            Trial last = new Trial(alpha, ascending.size(), List.of());
            ascending.add(last);
            return last;
        }
        List<Trial> next = new ArrayList<>();
        next.add(plan((alpha + from) / 2, from, alpha, ascending));
        Trial trial = new Trial(alpha, ascending.size(), next);
        ascending.add(trial);
        next.add(plan((alpha + to) / 2, alpha, to, ascending));
        return trial;
    }

    private static Trial bisect(Trial first, long[] removed, double count, float sparsity) {
        Trial trial = first;
        while (true) {
            float reached = (float) removed[trial.order()] / (float) count;
            if (!(Math.abs(reached - sparsity) > TOLERANCE) || trial.next().isEmpty()) {
                return trial;
            }
            trial = trial.next().get(reached > sparsity ? 0 : 1);
        }
    }

    /// How many weights of the matrix each trial removes.
    private static long[] countRemoved(Scores scores, List<Trial> ascending, int threads) {
        return ScoredRows.count(
                scores,
                threads,
                ascending.size(),
                _ -> {
                    SortedRow sorted = new SortedRow(scores.columns());
                    return (row, removed) -> {
                        sorted.load(row);
                        int position = 0;
                        for (Trial trial : ascending) {
                            position = sorted.positionsWithin(trial.alpha(), position);
                            removed[trial.order()] += sorted.atOrBelow(position);
                        }
                    };
                });
    }

    private static Mask remove(Scores scores, double alpha, int threads) {
        return ScoredRows.mark(
                scores,
                threads,
                selector -> {
                    SortedRow sorted = new SortedRow(scores.columns());
                    return (row, words, firstWord) -> {
                        sorted.load(row);
                        int removed = sorted.atOrBelow(sorted.positionsWithin(alpha, 0));
                        selector.markSmallest(row, 0, row.length, removed, words, firstWord);
                    };
                });
    }
}
