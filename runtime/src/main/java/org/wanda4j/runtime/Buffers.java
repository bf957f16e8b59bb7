package org.wanda4j.runtime;

import java.util.HashMap;
import java.util.Map;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// Activations between the linears of a block. The blocks of a decoder run in turn: those whose activations are equally
/// wide share them.
final class Buffers {

    /// What a buffer is for: two of one size that are in use at the same time differ in it.
    enum Use {
        QUERIES,
        KEYS,
        VALUES,
        ATTENDED,
        /// What is activated, and then goes into the last linear of an MLP.
        ACTIVE,
        UP,
        /// What a residual branch gives.
        RESULT,
    }

    private record Key(Use use, int number, int size) {}

    private final Map<Key, Vectors> vectors = new HashMap<>();
    private final float[][] scores;

    /// @param members of the team
    Buffers(int members) {
        scores = new float[members][];
    }

    /// The vectors of `size` values for `use`.
    Vectors of(Use use, int size) {
        return of(use, 0, size);
    }

    /// The same, number `number` of several.
    Vectors of(Use use, int number, int size) {
        return vectors.computeIfAbsent(new Key(use, number, size), _ -> new Vectors(size));
    }

    /// Makes room for the attention scores of sequences of up to `longest` positions.
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

    /// The attention scores of one head, of which each member computes one at a time; [RowKernels#SPARE_SCORES] more than
    /// the longest sequence has positions.
    float[] scores(int member) {
        return scores[member];
    }
}
