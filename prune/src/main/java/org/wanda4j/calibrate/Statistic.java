package org.wanda4j.calibrate;

/// What an importance needs to know of a linear's inputs.
public enum Statistic {
    /// Nothing: no calibration is run for it.
    NONE,
    /// The L2 norm of each input channel over all calibration tokens.
    INPUT_NORMS
}
