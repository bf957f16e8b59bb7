package org.wanda4j.torch;

import java.lang.foreign.Arena;
import org.bytedeco.javacpp.PointerScope;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;

/// From one weight type to another.
public final class Rounding {

    private Rounding() {}

    /// The values of `view` in another type, to nearest even.
    ///
    /// @param memory to hold them
    public static TensorView to(DType type, TensorView view, Arena memory) {
        long bytes = view.data().byteSize() / view.type().bytes() * type.bytes();
        TensorView result =
                new TensorView(view.name(), type, view.shape(), memory.allocate(bytes, 64));
        try (var _ = new PointerScope()) {
            Tensors.over(result).copy_(Tensors.over(view));
        }
        return result;
    }
}
