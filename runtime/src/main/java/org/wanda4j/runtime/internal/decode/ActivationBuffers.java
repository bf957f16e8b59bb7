package org.wanda4j.runtime.internal.decode;

import java.util.HashMap;
import java.util.Map;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// Activations between the linears of a block, shared by blocks with the same widths, as blocks run one after the other.
final class ActivationBuffers {

    /// What a buffer holds. Buffers of one size that are in use at the same time have different uses.
    enum Use {
        QUERIES,
        KEYS,
        VALUES,
        ATTENDED,
        /// Input of the activation, then of the last linear of an MLP.
        ACTIVE,
        UP,
        /// Output of a router, and of the gate of a shared MLP.
        ROUTED,
        SHARED_GATE,
        /// Input of a mixture of experts, normed; of an expert; and output of an expert.
        ENTERED,
        GATHERED,
        GIVEN,
        /// Output of a mixer.
        RESULT,
    }

    private record Key(Use use, int number, int size) {}

    private final Map<Key, Activations> buffers = new HashMap<>();
    private final float[][] scores;

    /// @param threads that compute attention scores
    ActivationBuffers(int threads) {
        scores = new float[threads][];
    }

    /// The buffer of vectors of `size` values for `use`.
    Activations of(Use use, int size) {
        return of(use, 0, size);
    }

    /// One of several such buffers.
    Activations of(Use use, int number, int size) {
        return buffers.computeIfAbsent(new Key(use, number, size), _ -> new Activations(size));
    }

    /// Enlarges the scores to `longest` positions.
    void reserveScores(int longest) {
        for (int i = 0; i < scores.length; i++) {
            if (scores[i] == null || scores[i].length < longest + RowKernels.SPARE_SCORES) {
                scores[i] =
                        new float
                                [RowKernels.padded(
                                        longest + longest / 2 + RowKernels.SPARE_SCORES)];
            }
        }
    }

    /// Attention scores of one head, for a thread: the longest sequence's positions and [RowKernels#SPARE_SCORES] more.
    float[] scores(int thread) {
        return scores[thread];
    }
}
