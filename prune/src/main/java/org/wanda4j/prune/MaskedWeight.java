package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;

/// `W'`: a weight without what a mask removes; the others keep their bits.
///
/// @param weight out x in, of the same type as the original
/// @param zeros how many of its values are zero, for whatever reason
record MaskedWeight(TensorView weight, long zeros) {

    private static final int ALIGNMENT = 64;

    /// @param memory to hold the result
    static MaskedWeight of(TensorView original, Mask mask, Arena memory) {
        MemorySegment data = memory.allocate(original.data().byteSize(), ALIGNMENT);
        var result = new TensorView(original.name(), original.type(), original.shape(), data);
        var kernels = Kernels.best().weights();
        long[] scratch = new long[mask.wordsPerRow()];
        long zeros = 0;
        for (int row = 0; row < mask.rows(); row++) {
            kernels.zero(
                    original.row(row),
                    result.row(row),
                    original.type(),
                    mask.words(),
                    row * mask.wordsPerRow());
            zeros += kernels.markZeros(result.row(row), original.type(), scratch, 0);
        }
        return new MaskedWeight(result, zeros);
    }
}
