package org.wanda4j.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// How a tensor lies in a packed file: as one matrix, the slices of a 3-D tensor one below the other, each of them outputs x
/// inputs.
///
/// @param shape of the tensor, 2 or 3 extents, outermost first
/// @param transposed whether its slices are inputs x outputs
record PackedLayout(List<Long> shape, boolean transposed) {

    /// Copies the shape.
    PackedLayout {
        shape = List.copyOf(shape);
    }

    /// Whether the tensor is the matrix itself: what the first version of the format had.
    boolean isPlain() {
        return shape.size() == 2 && !transposed;
    }

    /// Rows of the matrix: the outputs of all slices.
    int rows() {
        return slices() * outputs();
    }

    /// Columns of the matrix: inputs.
    int columns() {
        return extent(transposed ? 2 : 1);
    }

    private int slices() {
        return shape.size() == 3 ? extent(3) : 1;
    }

    private int outputs() {
        return extent(transposed ? 1 : 2);
    }

    private int extent(int fromLast) {
        return Math.toIntExact(shape.get(shape.size() - fromLast));
    }

    /// The matrix that `tensor` is stored as: in its own memory, or a copy where it is transposed.
    ///
    /// @param memory for a copy
    TensorView matrix(TensorView tensor, Arena memory) {
        MemorySegment data = tensor.data();
        if (transposed) {
            data = memory.allocate(data.byteSize(), Long.BYTES);
            long bytes = data.byteSize() / slices();
            for (int i = 0; i < slices(); i++) {
                slice(i, tensor.name()).copy(tensor, data.asSlice(i * bytes, bytes));
            }
        }
        List<Long> extents = List.of((long) rows(), (long) columns());
        return new TensorView(tensor.name(), tensor.type(), extents, data);
    }

    /// Writes the tensor that is stored as `matrix`.
    void put(MemorySegment matrix, TensorView tensor) {
        long bytes = matrix.byteSize() / slices();
        for (int i = 0; i < slices(); i++) {
            slice(i, tensor.name()).put(matrix.asSlice(i * bytes, bytes), tensor);
        }
    }

    private MatrixView slice(int index, String name) {
        int outputs = outputs();
        return new MatrixView(name, shape, outputs, index, transposed, 0, outputs, outputs);
    }
}
