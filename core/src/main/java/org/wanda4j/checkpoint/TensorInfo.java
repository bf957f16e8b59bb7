package org.wanda4j.checkpoint;

import java.util.List;

/// What a safetensors header says of one tensor; checked against the file's size.
///
/// @param name as the checkpoint names it
/// @param type of an element
/// @param shape extents, outermost first
/// @param offset of the first byte, from the start of the file
/// @param length in bytes
public record TensorInfo(String name, DType type, List<Long> shape, long offset, long length) {

    /// Copies the shape.
    public TensorInfo {
        shape = List.copyOf(shape);
    }

    /// A tensor that has no place in a file yet.
    static TensorInfo unplaced(String name, DType type, List<Long> shape) {
        long elements = shape.stream().reduce(1L, Math::multiplyExact);
        return new TensorInfo(name, type, shape, 0, elements * type.bytes());
    }

    /// The same tensor at another place.
    TensorInfo at(long offset) {
        return new TensorInfo(name, type, shape, offset, length);
    }

    /// Number of elements.
    public long elements() {
        return length / type.bytes();
    }
}
