package org.wanda4j.prune;

import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.sparse.Kernels;
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

    private static Mask selectRuns(Scores scores, NofM runs, int threads) {
        int columns = scores.columns();
        if (columns % runs.m() != 0) {
            throw new InvalidInputException(
                    "pattern "
                            + runs
                            + " needs inputs in runs of "
                            + runs.m()
                            + ", and "
                            + columns
                            + " inputs are not a multiple of it");
        }
        Mask mask = new Mask(scores.rows(), columns);
        RowWork.share(
                scores.rows(),
                threads,
                () -> {
                    var selector = Kernels.best().selector();
                    float[] row = new float[columns];
                    return i -> {
                        scores.row(i, row);
                        selector.markSmallestOfRuns(
                                row,
                                columns,
                                runs.n(),
                                runs.m(),
                                mask.words(),
                                i * mask.wordsPerRow());
                    };
                });
        return mask;
    }

    @Override
    public String toString() {
        return name;
    }
}
