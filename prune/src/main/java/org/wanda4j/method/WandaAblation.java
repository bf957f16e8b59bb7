package org.wanda4j.method;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;

/// `|W_ij| * norm_j` with the norms of Wanda's published ablations, in which window k of the running mean counts `2 / k`.
public record WandaAblation() implements ColumnImportance {

    @Override
    public Statistic needs() {
        return Statistic.INPUT_NORMS;
    }

    @Override
    public float[] columns(InputStatistics statistics, int width) {
        return statistics.ablationNorms();
    }
}
