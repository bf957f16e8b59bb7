package org.wanda4j.prune;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;

/// Magnitude (Han et al., 2015): |W_ij|.
public record Magnitude() implements Importance {

    @Override
    public Statistic needs() {
        return Statistic.NONE;
    }

    @Override
    public Scores score(TensorView weight, InputStatistics statistics) {
        return Scores.abs(weight);
    }
}
