package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/// The matrices of a checkpoint as its files hold them, for kernels that compute with them.
///
/// Each file is mapped once, and each tensor is checked once, however many views of it are asked for.
public final class Matrices {

    private final Checkpoint checkpoint;
    private final Arena memory;
    private final Map<Safetensors, Function<TensorInfo, MemorySegment>> mapped = new HashMap<>();
    private final Map<String, PackedMatrix> tensors = new HashMap<>();

    /// @param memory what is mapped or copied lives as long as this
    public Matrices(Checkpoint checkpoint, Arena memory) {
        this.checkpoint = checkpoint;
        this.memory = memory;
    }

    /// All of tensor `name`; of a 3-D tensor the slices, one below the other.
    ///
    /// @throws InvalidInputException when there is no such tensor, or it is no matrix of weights
    public PackedMatrix whole(String name) {
        StoredTensor tensor = checkpoint.stored(name);
        return tensors.computeIfAbsent(
                name,
                _ ->
                        tensor.matrix(
                                mapped.computeIfAbsent(
                                        tensor.shard(), shard -> shard.mapWhole(memory))));
    }

    /// The matrix that `view` says: where it is mapped if its rows follow each other in the file, else a copy.
    ///
    /// @throws InvalidInputException when there is no such tensor, or it is no matrix of weights
    public PackedMatrix of(MatrixView view) {
        if (checkpoint.stored(view.tensor()).isTransposed() != view.transposed()) {
            return decoded(view);
        }
        PackedMatrix whole = whole(view.tensor());
        return whole.rows(view, memory);
    }

    /// A dense copy.
    private PackedMatrix decoded(MatrixView view) {
        try (Arena here = Arena.ofConfined()) {
            TensorView whole = checkpoint.map(view.tensor(), here);
            long bytes = (long) view.rows() * view.columns() * whole.type().bytes();
            MemorySegment data = memory.allocate(bytes + PackedMatrix.SLACK, PackedMatrix.SLACK);
            view.copy(whole, data);
            return new PackedMatrix(
                    view.rows(),
                    view.columns(),
                    ValueType.of(whole.type()),
                    data,
                    Optional.empty(),
                    Optional.empty());
        }
    }
}
