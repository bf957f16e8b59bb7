package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/// A tensor of a checkpoint, however its file holds it.
sealed interface StoredTensor permits PlainTensor, PackedTensor {

    /// The file.
    Safetensors shard();

    /// What it is to a reader of the model.
    TensorInfo info();

    /// All its elements, until `arena` closes.
    TensorView map(Arena arena);

    /// A matrix of it, until `arena` closes.
    default TensorView map(MatrixView view, Arena arena) {
        return view.of(map(arena), arena);
    }

    /// The matrix as the file holds it; of a 3-D tensor the slices, one below the other.
    ///
    /// @param mapped from a tensor of the file to its memory
    /// @throws InvalidInputException when it is no matrix of weights, or its parts do not fit together
    PackedMatrix matrix(Function<TensorInfo, MemorySegment> mapped);

    /// Whether the file holds the transpose of what the tensor is to a reader of the model.
    boolean isTransposed();

    /// What it takes in the file.
    long bytes();

    /// Name of the type that its elements have there.
    String typeName();
}
