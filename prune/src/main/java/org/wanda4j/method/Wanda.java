package org.wanda4j.method;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;

/// Wanda (Sun et al., 2024, eq. 1): |W_ij| * ||X_j||_2.
///
/// Scores are compared within a row; no weight is updated.
public record Wanda() implements ColumnImportance {

    @Override
    public Statistic needs() {
        return Statistic.INPUT_NORMS;
    }

    @Override
    public float[] columns(InputStatistics statistics, int width) {
        return statistics.norms();
    }
}
