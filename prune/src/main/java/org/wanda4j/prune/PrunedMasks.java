package org.wanda4j.prune;

import java.util.Map;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.sparse.Mask;

/// Which weights a run has removed. A weight that stays may be zero too, for instance because it rounds to zero.
@FunctionalInterface
public interface PrunedMasks {

    /// Masks of the pruned linears of a block, by where their matrices lie. Read from the disk at each call.
    ///
    /// @param block from 0
    Map<MatrixView, Mask> of(int block);
}
