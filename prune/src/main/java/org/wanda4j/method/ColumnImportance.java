package org.wanda4j.method;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.checkpoint.TensorView;

/// An importance of the form `|W_ij| * c_j`: a weight's size times a number of its input channel.
public interface ColumnImportance extends Importance {

    /// `c`, one for each input, finite and >= 0.
    ///
    /// @param statistics of the inputs; holds what [#needs()] names
    /// @param width number of inputs
    float[] columns(InputStatistics statistics, int width);

    @Override
    default Scores score(TensorView weight, InputStatistics statistics) {
        return Scores.absTimesColumns(weight, columns(statistics, weight.columns()));
    }
}
