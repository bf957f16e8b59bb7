package org.wanda4j.torch;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Hidden states of all windows on a device, and, where it stays there, what they hand from one stage to the next.
public final class DeviceStates implements AutoCloseable {

    private final Device device;
    private final ComputeType type;
    private final int stageWidth;
    private final Tensor hidden;
    private final Optional<Tensor> between;

    /// Uninitialised.
    ///
    /// @param tokens of all windows
    /// @param hidden size of a hidden state
    /// @param stageWidth the widest that a token hands from one stage to the next
    /// @param keepsStages whether that outlasts a batch
    public DeviceStates(
            Device device,
            long tokens,
            int hidden,
            int stageWidth,
            boolean keepsStages,
            ComputeType type) {
        this.device = device;
        this.type = type;
        this.stageWidth = stageWidth;
        try (var _ = new PointerScope()) {
            this.hidden = Tensors.kept(empty(tokens, hidden));
            this.between =
                    keepsStages
                            ? Optional.of(Tensors.kept(empty(tokens * stageWidth)))
                            : Optional.empty();
        }
    }

    private Tensor empty(long... shape) {
        return torch.empty(shape, device.options(type.scalar()), new MemoryFormatOptional());
    }

    /// Windows of equal length, from token `first` on. To be called in a task of [Engine#forEach].
    public Batch batch(long first, int windows, int length) {
        return batch(first, windows, length, Optional.empty());
    }

    /// A sequence that branches, from token `first` on. To be called in a task of [Engine#forEach].
    public Batch batch(long first, Tree tree) {
        return batch(first, 1, tree.length(), Optional.of(tree));
    }

    private Batch batch(long first, int windows, int length, Optional<Tree> tree) {
        long tokens = (long) windows * length;
        return new Batch(
                windows,
                length,
                // To gradients, memory of its own: what is kept of a batch does not change with the
                // others.
                hidden.narrow(0, first, tokens).variable_data(),
                between.map(all -> all.narrow(0, first * stageWidth, tokens * stageWidth))
                        .orElseGet(() -> empty(tokens * stageWidth)),
                tree);
    }

    /// Copies all hidden states to the host, window after window.
    public void download(MemorySegment to) {
        try (var _ = new PointerScope()) {
            host(to).copy_(hidden);
        }
    }

    /// Takes over hidden states from the host.
    public void upload(MemorySegment from) {
        try (var _ = new PointerScope()) {
            hidden.copy_(host(from));
        }
    }

    private Tensor host(MemorySegment memory) {
        return Tensors.over(memory, type.scalar(), hidden.size(0), hidden.size(1));
    }

    /// Takes over hidden states of the same shape.
    public void copyStates(DeviceStates other) {
        hidden.copy_(other.hidden);
    }

    @Override
    public void close() {
        hidden.releaseReference();
        between.ifPresent(Tensor::releaseReference);
    }
}
