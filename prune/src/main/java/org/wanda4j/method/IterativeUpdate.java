package org.wanda4j.method;

/// An update that chooses weights as it goes, from those that it has updated so far.
public non-sealed interface IterativeUpdate extends WeightUpdate {

    /// Chooses and updates.
    ///
    /// @param importance of weights as they are updated
    /// @param selection what their scores are compared within
    /// @throws ArithmeticException when the statistics do not determine it
    PrunedLinear prune(PruneTask task, Importance importance, Selection selection);
}
