package org.wanda4j.method;

import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

/// A comparison group for unstructured sparsity; runs for N:M.
record GroupSelection(String name, UnstructuredSelection unstructured) implements Selection {

    /// Selects for a sparsity above 0.
    @FunctionalInterface
    interface UnstructuredSelection {
        Mask select(Scores scores, double sparsity, int threads);
    }

    @Override
    public Mask select(Scores scores, SparsityPattern pattern, int threads) {
        return switch (pattern) {
            case NofM runs -> selectRuns(scores, runs, threads);
            case Unstructured(double sparsity) when sparsity == 0 ->
                    new Mask(scores.rows(), scores.columns());
            case Unstructured(double sparsity) -> unstructured.select(scores, sparsity, threads);
        };
    }

    /// The lowest `floor(in * sparsity)` of each row.
    static Mask selectOfRows(Scores scores, double sparsity, int threads) {
        int removed = (int) (scores.columns() * sparsity);
        return ScoredRows.mark(
                scores,
                threads,
                selector ->
                        (row, words, firstWord) ->
                                selector.markSmallest(
                                        row, 0, row.length, removed, words, firstWord));
    }

    private static Mask selectRuns(Scores scores, NofM runs, int threads) {
        if (scores.columns() % runs.m() != 0) {
            throw new InvalidInputException(
                    "pattern %s needs inputs in runs of %d, and %d inputs are not a multiple of it"
                            .formatted(runs, runs.m(), scores.columns()));
        }
        return ScoredRows.mark(
                scores,
                threads,
                selector ->
                        (row, words, firstWord) ->
                                selector.markSmallestOfRuns(
                                        row, row.length, runs.n(), runs.m(), words, firstWord));
    }

    @Override
    public String toString() {
        return name;
    }
}
