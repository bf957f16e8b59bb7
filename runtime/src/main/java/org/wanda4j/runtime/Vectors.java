package org.wanda4j.runtime;

import org.wanda4j.runtime.internal.kernels.RowKernels;

/// Activations: a vector for each token, filled with zeros up to a multiple of [RowKernels#PADDING].
final class Vectors {

    private final int size;
    private final int width;
    private float[] values;

    Vectors(int size) {
        this.size = size;
        this.width = RowKernels.padded(size);
        this.values = new float[width];
    }

    /// Makes room for `tokens` vectors.
    void reserve(int tokens) {
        if (values.length < tokens * width) {
            values = new float[tokens * width];
        }
    }

    /// Values of a vector.
    int size() {
        return size;
    }

    /// From one vector to the next.
    int width() {
        return width;
    }

    float[] values() {
        return values;
    }
}
