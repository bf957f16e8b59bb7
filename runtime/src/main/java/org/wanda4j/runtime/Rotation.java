package org.wanda4j.runtime;

import java.util.Arrays;
import org.wanda4j.model.Rotary;

/// Turns queries and keys by their position: `(a, b)` becomes `(a cos - b sin, b cos + a sin)`, where a and b are the
/// halves of a head.
final class Rotation {

    private final Rotary rotary;
    private float[] frequencies = {};
    private float[] cos = {};
    private float[] sin = {};

    Rotation(Rotary rotary) {
        this.rotary = rotary;
    }

    /// Prepares positions up to `length`, exclusive; some scalings turn differently once a text is that long.
    void reserve(int length) {
        float[] wanted = rotary.frequencies(length);
        int half = wanted.length;
        int known = Arrays.equals(wanted, frequencies) ? cos.length / half : 0;
        if (length <= known) {
            return;
        }
        frequencies = wanted;
        int room = Math.max(length, Math.min(2 * known, rotary.positions()));
        cos = Arrays.copyOf(cos, room * half);
        sin = Arrays.copyOf(sin, room * half);
        for (int i = known * half; i < room * half; i++) {
            int position = i / half;
            float angle = position * wanted[i % half];
            cos[i] = (float) Math.cos(angle);
            sin[i] = (float) Math.sin(angle);
        }
    }

    void turn(float[] x, int from, int position) {
        int half = rotary.size() / 2;
        int row = position * half;
        for (int i = 0; i < half; i++) {
            float a = x[from + i];
            float b = x[from + half + i];
            float c = cos[row + i];
            float s = sin[row + i];
            x[from + i] = a * c - b * s;
            x[from + half + i] = b * c + a * s;
        }
    }
}
