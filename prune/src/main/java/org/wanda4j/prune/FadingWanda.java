package org.wanda4j.prune;

import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;

/// Wanda's score with the norms of the published ablations, in which window k counts `2 / k`.
public record FadingWanda() implements ColumnImportance {

    @Override
    public Statistic needs() {
        return Statistic.INPUT_NORMS;
    }

    @Override
    public float[] columns(InputStatistics statistics, int width) {
        return statistics.fadingNorms();
    }
}
