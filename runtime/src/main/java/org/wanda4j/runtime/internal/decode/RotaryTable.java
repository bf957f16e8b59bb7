package org.wanda4j.runtime.internal.decode;

import java.util.Arrays;
import org.wanda4j.model.Rotary;

/// Rotary position embedding: a pair `(a, b)` of a head becomes `(a cos - b sin, b cos + a sin)`.
///
/// A row of cosines and sines is computed once for each position; where the frequencies depend on the length of the sequence,
/// for each token of a batch.
final class RotaryTable {

    private final Rotary rotary;
    private final int half;
    private float[] cos = {}; // rows x half
    private float[] sin = {}; // rows x half

    RotaryTable(Rotary rotary) {
        this.rotary = rotary;
        this.half = rotary.size() / 2;
    }

    /// Computes the rows of a batch.
    void prepare(DecodeBatch batch) {
        if (rotary.dependsOnLength()) {
            reserve(batch.tokens());
            float[] frequencies = {};
            for (int t = 0; t < batch.tokens(); t++) {
                if (t == 0 || batch.sequence(t) != batch.sequence(t - 1)) {
                    frequencies = rotary.frequencies(batch.sequence(t).reserved());
                }
                fill(t, batch.position(t), frequencies);
            }
            return;
        }
        int known = cos.length / half;
        int longest = batch.longest();
        if (longest > known) {
            int capacity = Math.max(longest, Math.min(2 * known, rotary.positions()));
            reserve(capacity);
            float[] frequencies = rotary.frequencies(capacity);
            for (int position = known; position < capacity; position++) {
                fill(position, position, frequencies);
            }
        }
    }

    private void reserve(int rows) {
        if (cos.length < rows * half) {
            float[] cosines = Arrays.copyOf(cos, rows * half);
            float[] sines = Arrays.copyOf(sin, rows * half); // where memory ends here, both stay
            cos = cosines;
            sin = sines;
        }
    }

    private void fill(int row, int position, float[] frequencies) {
        for (int i = 0; i < half; i++) {
            float angle = position * frequencies[i];
            cos[row * half + i] = (float) Math.cos(angle) * rotary.magnitude();
            sin[row * half + i] = (float) Math.sin(angle) * rotary.magnitude();
        }
    }

    /// The row of a token of the batch.
    int row(DecodeBatch batch, int token) {
        return rotary.dependsOnLength() ? token : batch.position(token);
    }

    /// Rotates the head at index `from` of `x`.
    void rotate(float[] x, int from, int row) {
        int start = row * half;
        if (rotary.interleaved()) {
            rotateInterleaved(x, from, start);
            return;
        }
        for (int i = 0; i < half; i++) {
            float a = x[from + i];
            float b = x[from + half + i];
            float c = cos[start + i];
            float s = sin[start + i];
            x[from + i] = a * c - b * s;
            x[from + half + i] = b * c + a * s;
        }
    }

    private void rotateInterleaved(float[] x, int from, int start) {
        for (int i = 0; i < half; i++) {
            float a = x[from + 2 * i];
            float b = x[from + 2 * i + 1];
            float c = cos[start + i];
            float s = sin[start + i];
            x[from + 2 * i] = a * c - b * s;
            x[from + 2 * i + 1] = b * c + a * s;
        }
    }
}
