package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;

/// A tensor of a checkpoint, however its file holds it.
sealed interface StoredTensor permits PlainTensor, PackedTensor {

    /// The file.
    Safetensors shard();

    /// What it is to a reader of the model.
    TensorInfo info();

    /// All its elements, until `arena` closes.
    TensorView map(Arena arena);

    /// The matrix as the file holds it, until `arena` closes.
    ///
    /// @throws InvalidInputException when it is no matrix of weights, or its parts do not fit together
    PackedMatrix matrix(Arena arena);
}
