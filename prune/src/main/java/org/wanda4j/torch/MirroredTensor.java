package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;

/// Values of fp32 in memory of the host. Where a device computes, it has a copy, which is what changes: the host's values are those
/// of the last [#download()].
public final class MirroredTensor implements AutoCloseable {

    private static final int ALIGNMENT = 64;

    private final TensorView host;
    private final Optional<Tensor> onDevice;

    /// @param host outlives this
    public MirroredTensor(TensorView host, Device device) {
        this.host = host;
        if (device.isHost()) {
            this.onDevice = Optional.empty();
        } else {
            try (var _ = new PointerScope()) {
                Tensor copy = device.copyOf(Tensors.over(host), ScalarType.Float);
                this.onDevice = Optional.of(Tensors.kept(copy));
            }
        }
    }

    /// Zeros of the shape of `other`.
    ///
    /// @param memory that outlives this
    public static MirroredTensor zeros(TensorView other, Device device, Arena memory) {
        MemorySegment data = memory.allocate(other.data().byteSize(), ALIGNMENT);
        return new MirroredTensor(
                new TensorView(other.name(), DType.F32, other.shape(), data), device);
    }

    /// The values on the host.
    public TensorView host() {
        return host;
    }

    /// Their memory.
    public MemorySegment data() {
        return host.data();
    }

    /// The values that are computed with, in a tensor of the scope at hand.
    Tensor tensor() {
        return onDevice.map(Tensor::detach).orElseGet(() -> Tensors.over(host));
    }

    /// Brings the host's values to those of the device, where there is one.
    public void download() {
        onDevice.ifPresent(it -> copy(it, Tensors.over(host)));
    }

    /// Brings the values of the device, where there is one, to those of the host.
    public void upload() {
        onDevice.ifPresent(it -> copy(Tensors.over(host), it));
    }

    private static void copy(Tensor from, Tensor to) {
        to.copy_(from);
    }

    @Override
    public void close() {
        onDevice.ifPresent(Tensor::releaseReference);
    }
}
