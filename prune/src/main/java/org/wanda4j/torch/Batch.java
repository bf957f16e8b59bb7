package org.wanda4j.torch;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/// Some windows within a block: their hidden states, and what one stage gives to the next.
/// Both lie in memory that the caller owns, or on a device, and a block works in place.
public final class Batch {

    private final int windows;
    private final int length;
    private final Tensor hidden;
    private final Tensor between;
    private final Optional<Tree> tree;

    Batch(int windows, int length, Tensor hidden, Tensor between, Optional<Tree> tree) {
        this.tree = tree;
        this.windows = windows;
        this.length = length;
        this.hidden = hidden;
        this.between = between;
    }

    /// A batch whose hidden states lie in memory of the caller's and change in place; what lies between two stages is
    /// the task's own. To be made inside a task of [Engine#forEach].
    ///
    /// @param length tokens of a window
    /// @param hidden windows x length x hidden size
    /// @param stageWidth the widest that lies between two stages
    public static Batch over(
            int windows, int length, MemorySegment hidden, int stageWidth, ComputeType type) {
        long size = (long) windows * length * stageWidth;
        var options = new TensorOptions(type.scalar());
        return new Batch(
                windows,
                length,
                hiddenTensor((long) windows * length, hidden, type),
                torch.empty(new long[] {size}, options, new MemoryFormatOptional()),
                Optional.empty());
    }

    /// A batch of one sequence that branches.
    ///
    /// @param hidden tokens of the tree x hidden size
    public static Batch over(Tree tree, MemorySegment hidden, int stageWidth, ComputeType type) {
        Batch plain = over(1, tree.length(), hidden, stageWidth, type);
        return new Batch(1, tree.length(), plain.hidden, plain.between, Optional.of(tree));
    }

    /// The same, with what lies between two stages in memory of the caller's too: it is still there in the next task.
    ///
    /// @param between at least windows x length x the widest stage
    public static Batch over(
            int windows,
            int length,
            MemorySegment hidden,
            MemorySegment between,
            ComputeType type) {
        return new Batch(
                windows,
                length,
                hiddenTensor((long) windows * length, hidden, type),
                Tensors.over(between, type.scalar(), between.byteSize() / type.bytes()),
                Optional.empty());
    }

    private static Tensor hiddenTensor(long tokens, MemorySegment hidden, ComputeType type) {
        return Tensors.over(
                hidden, type.scalar(), tokens, hidden.byteSize() / type.bytes() / tokens);
    }

    /// This batch with a copy of its hidden states: what happens to the copy leaves them as they are.
    public Batch copy() {
        return new Batch(windows, length, hidden.clone(), between, tree);
    }

    /// Takes over the hidden states of another batch of the same shape.
    public void copyStates(Batch other) {
        hidden.copy_(other.hidden);
    }

    Optional<Tree> tree() {
        return tree;
    }

    int windows() {
        return windows;
    }

    int length() {
        return length;
    }

    long tokens() {
        return (long) windows * length;
    }

    /// tokens x hidden size
    Tensor hidden() {
        return hidden;
    }

    /// tokens x hidden size: the end of the memory between two stages
    Tensor waiting() {
        long width = hidden.size(1);
        return between.narrow(0, between.numel() - tokens() * width, tokens() * width)
                .view(tokens(), width);
    }

    /// tokens x `width`: the memory between two stages
    Tensor between(long width) {
        return between.narrow(0, 0, tokens() * width).view(tokens(), width);
    }
}
