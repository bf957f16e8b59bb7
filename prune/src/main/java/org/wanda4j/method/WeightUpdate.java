package org.wanda4j.method;

import org.wanda4j.calibrate.Statistic;

/// What becomes of the weights that stay when others go: chosen before the update, or during it.
public sealed interface WeightUpdate permits MaskedUpdate, IterativeUpdate {

    /// What calibration has to collect for it, besides what the importance needs.
    Statistic needs();

    /// What it takes besides, in a few words.
    String cost();

    /// Floating-point operations of what the linears of a stage with `inputs` channels share; what [#cost()] says in words.
    default double sharedOperations(long inputs) {
        return 0;
    }

    /// Floating-point operations for one linear, besides scores and choices.
    default double operations(long outputs, long inputs) {
        return 0;
    }

    /// How many times all weights of a linear are scored and chosen from.
    default int choices() {
        return 1;
    }
}
