package org.wanda4j.calibrate;

import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/// Input norms over all windows, whichever order they come in.
///
/// `s_j` is the mean over windows of `sum_t x_tj^2`, and the norm `sqrt(s_j)`: what the reference's running mean
/// `s_j <- s_j * (k-1)/k + sum_t x_tj^2 / k` comes to. The windows are added in their order, so the result does not
/// depend on threads.
final class WindowNorms {

    private final float[][] squares;

    WindowNorms(int windows) {
        this.squares = new float[windows][];
    }

    /// @param sums `count` windows from `first` on, one after the other
    void put(int first, float[] sums, int count) {
        int width = sums.length / count;
        for (int i = 0; i < count; i++) {
            squares[first + i] = Arrays.copyOfRange(sums, i * width, (i + 1) * width);
        }
    }

    float[] norms() {
        return norms(_ -> 1);
    }

    /// What the running mean comes to when window k enters as `2/k * sum_t x_tj^2 / k`.
    float[] fadingNorms() {
        return norms(window -> 2.0 / (window + 1));
    }

    private float[] norms(IntToDoubleFunction weightOfWindow) {
        double[] sums = new double[squares[0].length];
        for (int window = 0; window < squares.length; window++) {
            double weight = weightOfWindow.applyAsDouble(window);
            for (int j = 0; j < sums.length; j++) {
                sums[j] += weight * squares[window][j];
            }
        }
        float[] norms = new float[sums.length];
        for (int j = 0; j < norms.length; j++) {
            norms[j] = (float) Math.sqrt(sums[j] / squares.length);
        }
        return norms;
    }
}
