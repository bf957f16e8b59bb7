package org.wanda4j.sparse;

import java.lang.foreign.MemorySegment;
import org.wanda4j.checkpoint.DType;

/// What is done to one row of weights where it lies in memory: little-endian, aligned or not.
///
/// Every implementation gives the same bits. Implementations have no state, so threads may share one. Where a
/// method takes `words`, column `c` is bit `c % 64` of `words[firstWord + c / 64]`, as in [Mask].
public interface WeightKernels {

    /// `scores[j] = |w_j| * norms[j]`, rounded once to fp32.
    ///
    /// @param row the row's bytes
    /// @param type bf16, fp16 or fp32
    /// @param norms one for each column, finite and >= 0; all 1 for plain `|w_j|`
    /// @param scores is filled from index 0; each is >= 0, and infinite where the product overflows
    /// @return whether all weights are finite; if not, `scores` holds nothing of use
    boolean scores(MemorySegment row, DType type, float[] norms, float[] scores);

    /// Copies a row and sets the removed weights to positive zero; the others keep their bits.
    ///
    /// @param from the row's bytes
    /// @param to as many bytes; may be `from` itself
    /// @param type bf16, fp16 or fp32
    /// @param words mask, 1 = removed
    /// @param firstWord where the row starts in `words`
    void zero(MemorySegment from, MemorySegment to, DType type, long[] words, int firstWord);

    /// Marks the weights that are zero, of either sign.
    ///
    /// @param row the row's bytes
    /// @param type bf16, fp16 or fp32
    /// @param words receives a 1 for each zero; other bits stay
    /// @param firstWord where the row starts in `words`
    /// @return how many weights are zero
    int markZeros(MemorySegment row, DType type, long[] words, int firstWord);
}
