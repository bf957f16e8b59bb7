package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;

/// Weights that stay as they are while a model is trained: on the host mapped each time that they are needed; on a device, to which
/// each goes once, until this is closed.
public final class FixedWeights implements AutoCloseable {

    private final BiFunction<MatrixView, Arena, TensorView> source;
    private final Device device;
    private final Map<MatrixView, Tensor> onDevice = new HashMap<>();

    /// @param source from a matrix or vector of the checkpoint to its memory in an arena
    public FixedWeights(BiFunction<MatrixView, Arena, TensorView> source, Device device) {
        this.source = source;
        this.device = device;
    }

    Device device() {
        return device;
    }

    /// The values where they are computed with, in their own type and a tensor of the scope at hand.
    ///
    /// @param memory that outlives their use
    Tensor values(MatrixView view, Arena memory) {
        return device.isHost()
                ? Tensors.over(source.apply(view, memory))
                : onDevice.computeIfAbsent(view, this::upload).detach();
    }

    private Tensor upload(MatrixView view) {
        try (Arena memory = Arena.ofConfined();
                var _ = new PointerScope()) {
            return Tensors.kept(device.copyOf(Tensors.over(source.apply(view, memory))));
        }
    }

    @Override
    public void close() {
        onDevice.values().forEach(Tensor::releaseReference);
        onDevice.clear();
    }
}
