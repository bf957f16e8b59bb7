package org.wanda4j.method;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;

/// How much a linear's output depends on each of its weights.
public interface Importance {

    /// What calibration has to collect for it.
    Statistic needs();

    /// @param weight out x in
    /// @param statistics of this linear's inputs, over all calibration tokens; holds what [#needs()] names
    /// @return out x in, >= 0
    Scores score(TensorView weight, InputStatistics statistics);

    /// Whether channels are permuted by these scores for an N:M pattern, where they may be ([ChannelPermutation]).
    default boolean permutesChannels() {
        return false;
    }
}
