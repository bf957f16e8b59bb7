package org.wanda4j.runtime.internal.decode;

import java.util.Arrays;
import org.wanda4j.model.Rotary;

/// Rotary position embedding: a pair `(a, b)` of a head becomes `(a cos - b sin, b cos + a sin)`. Cosines and sines are computed once for
/// each position.
final class RotaryTable {

    private final Rotary rotary;
    private float[] frequencies = {};
    private float[] cos = {};
    private float[] sin = {};

    RotaryTable(Rotary rotary) {
        this.rotary = rotary;
    }

    /// Computes the table for positions below `length`. With some scalings, the frequencies depend on the length.
    void reserve(int length) {
        float[] wanted = rotary.frequencies(length);
        int half = wanted.length;
        int known = Arrays.equals(wanted, frequencies) ? cos.length / half : 0;
        if (length <= known) {
            return;
        }
        frequencies = wanted;
        int capacity = Math.max(length, Math.min(2 * known, rotary.positions()));
        cos = Arrays.copyOf(cos, capacity * half);
        sin = Arrays.copyOf(sin, capacity * half);
        for (int i = known * half; i < capacity * half; i++) {
            int position = i / half;
            float angle = position * wanted[i % half];
            cos[i] = (float) Math.cos(angle) * rotary.magnitude();
            sin[i] = (float) Math.sin(angle) * rotary.magnitude();
        }
    }

    /// Rotates the head at index `from` of `x`.
    void rotate(float[] x, int from, int position) {
        int half = rotary.size() / 2;
        int row = position * half;
        if (rotary.interleaved()) {
            rotateInterleaved(x, from, row);
            return;
        }
        for (int i = 0; i < half; i++) {
            float a = x[from + i];
            float b = x[from + half + i];
            float c = cos[row + i];
            float s = sin[row + i];
            x[from + i] = a * c - b * s;
            x[from + half + i] = b * c + a * s;
        }
    }

    private void rotateInterleaved(float[] x, int from, int row) {
        for (int i = 0; i < rotary.size() / 2; i++) {
            float a = x[from + 2 * i];
            float b = x[from + 2 * i + 1];
            float c = cos[row + i];
            float s = sin[row + i];
            x[from + 2 * i] = a * c - b * s;
            x[from + 2 * i + 1] = b * c + a * s;
        }
    }
}
