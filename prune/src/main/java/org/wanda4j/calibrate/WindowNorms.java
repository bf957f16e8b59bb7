package org.wanda4j.calibrate;

import java.util.Arrays;

/// Input norms over all windows, whichever order they come in.
///
/// `s_j` is the running mean over windows of `sum_t x_tj^2`, and the norm `sqrt(s_j)`. The windows are added in their order,
/// so the result does not depend on threads, and in fp32 as the reference adds them: which of two weights with nearly equal
/// scores goes is decided by the last bit.
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

    /// `s_j <- s_j * (k-1)/k + sum_t x_tj^2 / k` for window k.
    float[] norms() {
        return norms(false);
    }

    /// `s_j <- s_j * (k-1)/k + 2/k * sum_t x_tj^2 / k` for window k.
    float[] ablationNorms() {
        return norms(true);
    }

    private float[] norms(boolean fading) {
        float[] means = new float[squares[0].length];
        for (int k = 1; k <= squares.length; k++) {
            float kept = (k - 1f) / k;
            float factor = fading ? 2f / k : 1;
            float[] added = squares[k - 1];
            for (int j = 0; j < means.length; j++) {
                means[j] = means[j] * kept + factor * added[j] / k;
            }
        }
        for (int j = 0; j < means.length; j++) {
            means[j] = (float) Math.sqrt(means[j]);
        }
        return means;
    }
}
