package org.wanda4j.method;

import java.util.Arrays;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;

/// Magnitude (Han et al., 2015): |W_ij|.
public record Magnitude() implements ColumnImportance {

    @Override
    public Statistic needs() {
        return Statistic.NONE;
    }

    @Override
    public float[] columns(InputStatistics statistics, int width) {
        float[] ones = new float[width];
        Arrays.fill(ones, 1);
        return ones;
    }
}
