package org.wanda4j.torch;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/// What the linears of a stage read of a batch.
///
/// @param rows tokens x width
/// @param tokens which of the batch's tokens they are, as int64; all in their order where empty
record StageInput(Tensor rows, Optional<Tensor> tokens) {

    static StageInput all(Tensor rows) {
        return new StageInput(rows, Optional.empty());
    }
}
