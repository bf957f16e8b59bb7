package org.wanda4j.runtime;

import java.lang.foreign.MemorySegment;
import org.wanda4j.checkpoint.PackedMatrix;

/// The arithmetic of decoding, on one row of a matrix or one head of the cache.
///
/// A vector of activations is filled with zeros up to a multiple of [#PADDING]. Implementations agree to within the order in
/// which they add; threads may share one.
interface RowKernels {

    /// Vectors are as long as a multiple of this.
    int PADDING = 64;

    /// Rows that [#multiply] takes at once.
    int TILE = 4;

    /// Copies `x` to `arranged`, in an order that suits [#dot].
    void arrange(Vectors x, float[] arranged);

    /// `sum_j W_ij x_j` for row `i` of `matrix`.
    ///
    /// @param arranged what [#arrange] made of `x`
    /// @param scratch of the calling thread, as long as a padded row
    float dot(PackedMatrix matrix, int row, Vectors x, float[] arranged, float[] scratch);

    /// Writes row `row` of `matrix` to `out` from index `at`, zeros included, and zeros up to the next multiple of
    /// [#PADDING].
    ///
    /// @param scratch of the calling thread, as long as a padded row
    void decode(PackedMatrix matrix, int row, float[] out, int at, float[] scratch);

    /// Products of some rows with some activations: `y[t * outputs + i] = rows_i * x_t`.
    ///
    /// @param rows [#TILE] rows of `width` values, of which the first `count` matter
    /// @param x activations, one every `width` values
    /// @param y receives the products, one activation every `outputs` values
    /// @param first index of the first product of activation 0
    void multiply(
            float[] rows,
            int count,
            int width,
            float[] x,
            int tokens,
            float[] y,
            int first,
            int outputs);

    /// `sum_j a_j b_j` of a part of `a` and bf16 values.
    ///
    /// @param count a multiple of the shortest vector, or any
    float dotBf16(float[] a, int from, MemorySegment values, long offset, int count);

    /// `out_j += weight * b_j` for bf16 values.
    void addBf16(float weight, MemorySegment values, long offset, int count, float[] out, int from);

    /// `sum_j x_j^2`.
    float sumOfSquares(float[] x, int from, int count);

    /// `x_j = exp(x_j - shift)`; returns their sum.
    float exponentials(float[] x, int count, float shift);

    /// `gate_j = gate_j / (1 + exp(-gate_j)) * up_j`.
    void silu(float[] gate, float[] up, int from, int count);

    /// What runs, for a banner.
    String description();
}
