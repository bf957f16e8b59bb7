package org.wanda4j.prune;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;

/// Wanda (Sun et al., 2024, eq. 1): |W_ij| * ||X_j||_2.
///
/// Scores are compared within a row; no weight is updated.
public record Wanda() implements Importance {

    @Override
    public Statistic needs() {
        return Statistic.INPUT_NORMS;
    }

    @Override
    public Scores score(TensorView weight, InputStatistics statistics) {
        return Scores.absTimesColumns(weight, statistics.norms());
    }
}
