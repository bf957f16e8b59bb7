package org.wanda4j.calibrate;

/// What calibration collects about the inputs of a stage. Each includes those before it.
public enum Statistic {
    /// Nothing: no calibration is run for it.
    NONE,
    /// The root of each input channel's sum of squares over the tokens of a window, the mean of all windows.
    INPUT_NORMS,
    /// The products of all pairs of input channels, summed over the tokens of a window, the mean of all windows.
    GRAM;

    /// Whichever of the two includes the other.
    public Statistic and(Statistic other) {
        return compareTo(other) >= 0 ? this : other;
    }
}
