package org.wanda4j.recover;

import java.lang.foreign.Arena;
import java.util.List;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.model.Architecture;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TorchEmbedding;
import org.wanda4j.torch.TorchHead;
import org.wanda4j.torch.TorchHead.Reference;
import org.wanda4j.torch.TrainingHead.Target;

/// Windows on their way through the teacher.
final class TeacherPass implements AutoCloseable {

    private final Teacher teacher;
    private final boolean keepsStates;
    private final int windows;
    private final int length;
    private final Arena memory = Arena.ofShared();
    private final TorchEmbedding embedding;
    private final TorchHead head;
    private final ActivationStore states;

    /// @param keepsStates whether the states before each block are kept; else those of the block at hand alone
    TeacherPass(
            Teacher teacher, boolean keepsStates, int windows, int length, ScratchSpace scratch) {
        this.teacher = teacher;
        this.keepsStates = keepsStates;
        this.windows = windows;
        this.length = length;
        Architecture architecture = teacher.architecture();
        this.embedding =
                new TorchEmbedding(
                        architecture,
                        view -> teacher.checkpoint().map(view, memory),
                        teacher.type());
        this.head =
                new TorchHead(
                        architecture,
                        view -> teacher.checkpoint().map(view, memory),
                        teacher.type());
        int stages = keepsStates ? architecture.blocks().size() + 1 : 1;
        this.states = store(architecture, stages * windows, length, teacher.type(), scratch);
    }

    /// A store of windows, each a batch of its own.
    static ActivationStore store(
            Architecture architecture,
            int windows,
            int length,
            ComputeType type,
            ScratchSpace scratch) {
        var layout =
                new ActivationStore.Layout(
                        windows,
                        length,
                        architecture.hidden(),
                        TorchBlock.stageWidth(architecture),
                        false,
                        type,
                        length);
        return new ActivationStore(layout, scratch);
    }

    void embed(int[] ids, int window) {
        embedding.embed(List.of(ids), states(0, window));
    }

    /// @param scratch outlives the block
    TorchBlock block(int index, Arena scratch) {
        return new TorchBlock(
                teacher.architecture().blocks().get(index),
                view -> teacher.checkpoint().map(view, scratch),
                teacher.type(),
                length);
    }

    /// Takes a window through block `index`.
    void forward(TorchBlock block, int index, int window) {
        Batch behind = states(index + 1, window);
        if (keepsStates) {
            behind.copyStates(states(index, window));
        }
        block.forward(behind);
    }

    /// A window before block `block`, or behind the last.
    Batch states(int block, int window) {
        return states.batch(keepsStates ? block * windows + window : window);
    }

    /// The logits of a window that came to the end.
    Target target(int window, double temperature) {
        return new Target.Teacher(
                new Reference(head, states(teacher.architecture().blocks().size(), window)),
                temperature);
    }

    @Override
    public void close() {
        embedding.close();
        head.close();
        states.close();
        memory.close();
    }
}
