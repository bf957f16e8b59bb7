package org.wanda4j.calibrate;

/// What calibration found out about the inputs of a linear.
///
/// @param norms `||X_j||_2` of each input channel, finite and >= 0; shared, not copied. Empty when not collected.
public record InputStatistics(float[] norms) {

    /// For an importance that needs none.
    public static InputStatistics none() {
        return new InputStatistics(new float[0]);
    }
}
