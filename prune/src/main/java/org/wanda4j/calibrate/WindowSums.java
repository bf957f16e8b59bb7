package org.wanda4j.calibrate;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/// The sums of a stage's input over some windows, by the number of the window in the whole: a value that parts from
/// anywhere merge into.
///
/// The norms come out of the windows in the order of their numbers, wherever they were run and in whatever order
/// parts were merged: in fp32, as the reference adds them, since which of two weights with nearly equal scores goes is decided by the
/// last bit.
public record WindowSums(SortedMap<Integer, WindowSum> windows) {

    /// Copies the map.
    public WindowSums {
        windows = Collections.unmodifiableSortedMap(new TreeMap<>(windows));
    }

    /// These windows and those of `other`.
    ///
    /// @throws IllegalArgumentException when a window is in both
    public WindowSums merge(WindowSums other) {
        var all = new TreeMap<>(windows);
        other.windows.forEach((number, window) -> {
            if (all.put(number, window) != null) {
                throw new IllegalArgumentException("window " + number + " was run twice");
            }
        });
        return new WindowSums(all);
    }

    /// Tokens that reached the stage, in all windows.
    public long tokens() {
        return windows.values().stream().mapToLong(WindowSum::tokens).sum();
    }

    /// `||X_j||_2` of each channel: the root of `s_j`, where `s_j <- s_j * (k-1)/k + sum_t x_tj^2 / k` for the k-th window.
    public float[] norms() {
        return norms(false);
    }

    /// The same with `s_j <- s_j * (k-1)/k + 2/k * sum_t x_tj^2 / k`, as the published ablations have it.
    public float[] ablationNorms() {
        return norms(true);
    }

    private float[] norms(boolean ablation) {
        float[] means = new float[windows.sequencedValues().getFirst().squares().length];
        int k = 0;
        for (WindowSum window : windows.values()) {
            k++;
            float kept = (k - 1f) / k;
            float factor = ablation ? 2f / k : 1;
            float[] added = window.squares();
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
