package org.wanda4j.calibrate;

import java.io.Serializable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;

/// A tensor on the heap, on its way to another process.
///
/// @param name as the checkpoint names it
/// @param shape extents, outermost first
/// @param bytes row-major, little-endian
public record TensorCopy(String name, DType type, List<Long> shape, byte[] bytes)
        implements Serializable {

    private static final int ALIGNMENT = 64;

    /// Copies a tensor of less than 2 GiB.
    public static TensorCopy of(TensorView tensor) {
        return new TensorCopy(
                tensor.name(),
                tensor.type(),
                tensor.shape(),
                tensor.data().toArray(ValueLayout.JAVA_BYTE));
    }

    /// The tensor, in memory of its own.
    public TensorView view(Arena memory) {
        MemorySegment data = memory.allocate(bytes.length, ALIGNMENT);
        data.copyFrom(MemorySegment.ofArray(bytes));
        return new TensorView(name, type, shape, data);
    }
}
