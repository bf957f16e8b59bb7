package org.wanda4j.spark;

import java.io.Serializable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;

/// The matrix that a linear was given, on its way to the executors.
///
/// @param linear its number in the block
/// @param shape outputs, inputs
/// @param bytes row after row
record NewWeight(int linear, String name, DType type, long[] shape, byte[] bytes)
        implements Serializable {

    private static final int ALIGNMENT = 64;

    static NewWeight of(int linear, TensorView weight) {
        return new NewWeight(
                linear,
                weight.name(),
                weight.type(),
                new long[] {weight.rows(), weight.columns()},
                weight.data().toArray(ValueLayout.JAVA_BYTE));
    }

    /// A copy in native memory.
    TensorView view(Arena memory) {
        MemorySegment data = memory.allocate(bytes.length, ALIGNMENT);
        data.copyFrom(MemorySegment.ofArray(bytes));
        return new TensorView(name, type, List.of(shape[0], shape[1]), data);
    }
}
