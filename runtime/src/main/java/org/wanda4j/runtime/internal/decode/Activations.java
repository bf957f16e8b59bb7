package org.wanda4j.runtime.internal.decode;

import org.wanda4j.runtime.internal.kernels.RowKernels;

/// A vector for each token, tokens x [#width()] in one array, with zeros behind the [#size()] values of each.
final class Activations {

    private final int size;
    private final int width;
    private float[] values;

    Activations(int size) {
        this.size = size;
        this.width = RowKernels.padded(size);
        this.values = new float[width];
    }

    /// Enlarges the array to `tokens` vectors.
    void reserve(int tokens) {
        if (values.length < tokens * width) {
            values = new float[tokens * width];
        }
    }

    /// Length of a vector.
    int size() {
        return size;
    }

    /// Distance between two vectors: [#size()] rounded up to a multiple of [RowKernels#PADDING].
    int width() {
        return width;
    }

    float[] values() {
        return values;
    }
}
