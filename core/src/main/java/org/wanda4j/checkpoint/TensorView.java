package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A tensor in memory that it does not own: row-major, little-endian, without gaps.
///
/// @param name as the checkpoint names it
/// @param type of an element
/// @param shape extents, outermost first
/// @param data exactly the tensor's bytes
public record TensorView(String name, DType type, List<Long> shape, MemorySegment data) {

    /// Checks that `data` holds just what `type` and `shape` say.
    public TensorView {
        shape = List.copyOf(shape);
        long expected = shape.stream().reduce(1L, Math::multiplyExact) * type.bytes();
        if (data.byteSize() != expected) {
            throw new IllegalArgumentException(
                    name
                            + ": "
                            + data.byteSize()
                            + " bytes, but its shape "
                            + shape
                            + " needs "
                            + expected);
        }
    }

    /// Rows of a matrix: outputs of a linear.
    public int rows() {
        return Math.toIntExact(shape.get(0));
    }

    /// Columns of a matrix: inputs of a linear.
    public int columns() {
        return Math.toIntExact(shape.get(1));
    }

    /// The bytes of row `row` of a matrix.
    public MemorySegment row(int row) {
        long length = (long) columns() * type.bytes();
        return data.asSlice(row * length, length);
    }
}
