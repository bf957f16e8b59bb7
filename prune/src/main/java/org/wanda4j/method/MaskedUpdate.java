package org.wanda4j.method;

import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// An update for a mask that is chosen beforehand, from the weights as they were.
public non-sealed interface MaskedUpdate extends WeightUpdate {

    /// The linear's new matrix.
    ///
    /// @param mask which weights are removed
    /// @return out x in, in memory of the task; zero where the mask says so
    /// @throws ArithmeticException when the statistics do not determine it
    TensorView apply(PruneTask task, Mask mask);
}
