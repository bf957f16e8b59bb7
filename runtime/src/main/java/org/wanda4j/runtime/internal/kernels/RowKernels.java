package org.wanda4j.runtime.internal.kernels;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Optional;
import org.wanda4j.checkpoint.ValueType;

/// The arithmetic of decoding, on rows of a matrix or one head of the cache.
///
/// A vector of activations is filled with zeros up to a multiple of [#PADDING]. Implementations differ by the order of
/// additions, and machine code also by the rounding of activations that it documents. Thread-safe.
public interface RowKernels {

    /// Activations are as long as a multiple of this.
    int PADDING = 64;

    /// Rows that [#multiply] takes at once.
    int TILE = 16;

    /// Number of scores that [#dots] may write behind the last.
    int SPARE_SCORES = 3;

    /// `size` rounded up to a multiple of [#PADDING].
    static int padded(int size) {
        return Math.ceilDiv(size, PADDING) * PADDING;
    }

    /// Scratch for one thread that calls these kernels.
    ///
    /// @param widest columns of the widest matrix
    /// @param memory stays open as long as the scratch is used
    default Scratch newScratch(int widest, Arena memory) {
        return new Scratch(widest);
    }

    /// Activations that are arranged together where their order is off the heap.
    int PANEL = 16;

    /// How activations lie: on the heap, each a permutation within each 64 of its values; or off the heap, several together.
    enum Order {
        PLAIN,
        /// In each half the values 0, 2, 4, ... then 1, 3, 5, ...: as two bf16 lie in an int.
        PAIRS,
        /// 0, 4, 8, ... then 1, 5, 9, ... and so on: as four bytes lie in an int.
        BYTES,
        /// 64 values of each of four activations, the next 64 of each, and so on.
        INTERLEAVED,
        /// The same, as products with bf16 take them.
        BF16_FOURS,
        /// The same of eight, rounded to bf16 where the processor multiplies that.
        BF16_EIGHTS,
        /// The first value of each of some activations, the second of each, and so on.
        PANELS,
        /// The same of pairs of values that are rounded to bf16.
        BF16_PANELS,
        /// The same of whole numbers, 32 of each with a factor.
        QUANTISED_PANELS,
        /// The same of whole numbers of 8 bits, of eight activations.
        QUANTISED_EIGHTS;

        /// Whether activations lie off the heap.
        public boolean isOffHeap() {
            return compareTo(INTERLEAVED) >= 0;
        }
    }

    /// The order of `tokens` activations that [#products] and [#block] take for `matrix`; that for one is also the order of the rows
    /// that [#unpack] writes.
    ///
    /// @param texts of how many texts the tokens are; those of one, a prompt, are not rounded more than a long prompt's where there are few of them
    default Order order(MappedMatrix matrix, int tokens, int texts) {
        return Order.PLAIN;
    }

    /// Copies `width` values of `x` from index `from` to `out` from index `to`, in `order`, one that [#order] gives and on the heap.
    default void arrange(Order order, float[] x, int from, float[] out, int to, int width) {
        System.arraycopy(x, from, out, to, width);
    }

    /// Copies activations to their places in `batch`, in `order`, one that [#order] gives.
    ///
    /// @param x at most [#PANEL] activations, one every `width` values of the batch; what lies behind them may be overwritten
    /// @param first place in the batch, a multiple of [#PANEL] where the order is off the heap
    default void arrange(Order order, float[] x, int count, ArrangedBatch batch, int first) {
        int width = batch.width();
        for (int t = 0; t < count; t++) {
            arrange(order, x, t * width, batch.values(), (first + t) * width, width);
        }
    }

    /// The type in which a dense copy of `matrix` is multiplied faster than `matrix` itself; empty where none is.
    ///
    /// @param threads that share the memory's bandwidth
    default Optional<ValueType> denseType(MappedMatrix matrix, int threads) {
        return Optional.empty();
    }

    /// `y_i = sum_j W_ij x_j` for rows `from` to `to`, exclusive.
    ///
    /// @param x in [#order] of the matrix
    /// @param scratch of the calling thread
    void products(MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch);

    /// Writes at most [#TILE] rows of `matrix`, `from` up to `to`, exclusive, to `out`, one every `width` values: zeros included, in
    /// the order of the matrix's layout, and zeros up to the next multiple of [#PADDING].
    ///
    /// @param scratch of the calling thread
    default void unpack(
            MappedMatrix matrix, int from, int to, float[] out, int width, Scratch scratch) {
        for (int i = from; i < to; i++) {
            decode(matrix, i, out, (i - from) * width, scratch);
        }
    }

    /// Writes row `row` of `matrix` to `out` from index `at`, zeros included, and zeros up to the next multiple of
    /// [#PADDING].
    ///
    /// @param scratch of the calling thread
    void decode(MappedMatrix matrix, int row, float[] out, int at, Scratch scratch);

    /// Products of some rows with some activations, both in one order: `y[t * outputs + first + i] = rows_i * x_t`.
    ///
    /// @param rows [#TILE] rows of `width` values; products with the first `count` are written, and with those behind them up
    ///     to a multiple of 4
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

    /// `scores_i = sum_j query_j key_ij` for the positions of a head.
    ///
    /// @param scores has room for [#SPARE_SCORES] more
    /// @param scratch of the calling thread
    void dots(float[] query, int from, CachedHead head, float[] scores, Scratch scratch);

    /// `out_j = factor * sum_i weights_i value_ij` for the positions of a head.
    ///
    /// @param scratch of the calling thread
    void mix(float[] weights, float factor, CachedHead head, float[] out, int to, Scratch scratch);

    /// Products of rows `from` to `to`, exclusive, with some activations: `y[t * outputs + i] = sum_j W_ij x_tj`.
    ///
    /// @param x activations in an [#order] of the matrix for so many
    /// @param y receives the products, one activation every `outputs` values
    /// @param scratch of the calling thread
    default void block(
            MappedMatrix matrix,
            int from,
            int to,
            ArrangedBatch x,
            int tokens,
            float[] y,
            int outputs,
            Scratch scratch) {
        int width = x.width();
        for (int i = from; i < to; i += TILE) {
            int count = Math.min(TILE, to - i);
            unpack(matrix, i, i + count, scratch.tile, width, scratch);
            Arrays.fill(scratch.tile, count * width, TILE * width, 0);
            multiply(scratch.tile, count, width, x.values(), tokens, y, i, outputs);
        }
    }

    /// `sum_j x_j^2`.
    float sumOfSquares(float[] x, int from, int count);

    /// `y_j = x_j * factor * weight_j`.
    void scale(float[] x, int from, float factor, float[] weight, float[] y, int to, int count);

    /// `sum_j += x_j`.
    void add(float[] x, float[] sum, int from, int count);

    /// `x_j = exp(x_j - shift)`; returns their sum.
    float exponentials(float[] x, int count, float shift);

    /// `gate_j = gate_j / (1 + exp(-gate_j)) * up_j`.
    void silu(float[] gate, float[] up, int from, int count);

    /// These kernels, in words.
    String description();
}
