package org.wanda4j.method;

import java.util.Arrays;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Kernels;

/// The importance of each weight of a linear: out x in numbers >= 0, computed a row at a time on request.
///
/// Thread-safe.
public interface Scores {

    /// Outputs of the linear.
    int rows();

    /// Inputs of the linear.
    int columns();

    /// Computes one row.
    ///
    /// @param into receives [#columns()] scores; each is >= 0, possibly infinite, never NaN
    /// @throws InvalidInputException when the row's weights are not all finite
    void row(int row, float[] into);

    /// `|W_ij| * norms[j]` in fp32.
    ///
    /// @param weight out x in, in a weight type
    /// @param norms one for each input, finite and >= 0
    /// @throws InvalidInputException when `norms` does not fit
    static Scores absTimesColumns(TensorView weight, float[] norms) {
        return new WeightScores(weight, norms, Kernels.best().weights());
    }

    /// `|W_ij|` in fp32.
    ///
    /// @param weight out x in, in a weight type
    static Scores abs(TensorView weight) {
        float[] ones = new float[weight.columns()];
        Arrays.fill(ones, 1);
        return absTimesColumns(weight, ones);
    }
}
