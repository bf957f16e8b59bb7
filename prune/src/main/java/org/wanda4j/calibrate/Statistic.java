package org.wanda4j.calibrate;

/// What a method needs to know of a linear's inputs. Each includes those before it.
public enum Statistic {
    /// Nothing: no calibration is run for it.
    NONE,
    /// The L2 norm of each input channel over all calibration tokens.
    INPUT_NORMS,
    /// The products of all pairs of input channels, over all calibration tokens.
    GRAM;

    /// Whichever of the two includes the other.
    public Statistic and(Statistic other) {
        return compareTo(other) >= 0 ? this : other;
    }
}
