package org.wanda4j.method;

import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;

/// Which weights go, given their scores: those with the lowest, within a comparison group.
///
/// For an N:M pattern the group is always the run: the N lowest of each go, ties from the lower column on. The
/// constants differ in how they take an unstructured sparsity. A sparsity of 0 removes nothing.
///
/// The mask depends on the scores alone, not on the number of threads.
public sealed interface Selection permits GroupSelection {

    /// The lowest `floor(in * sparsity)` of each row, ties from the lower column on.
    Selection ROW = new GroupSelection("row", GroupSelection::selectOfRows);

    /// All scores of the matrix up to `t`, ties included; `t` is at index `floor(count * sparsity)` of their
    /// ascending order.
    Selection LAYER = new GroupSelection("layer", LayerSelection::select);

    /// All scores of a row up to where their ascending running sum reaches `alpha` times the row's sum; `alpha`
    /// is found by bisection so that the matrix has the sparsity.
    Selection CUMULATIVE_MASS =
            new GroupSelection("cumulative mass", CumulativeMassSelection::select);

    /// @param scores out x in
    /// @param threads to use, at least 1
    /// @throws org.wanda4j.checkpoint.InvalidInputException when M of an N:M pattern does not divide the inputs
    Mask select(Scores scores, SparsityPattern pattern, int threads);
}
