package org.wanda4j.recover;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.model.Architecture;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TorchEmbedding;
import org.wanda4j.torch.TorchHead;
import org.wanda4j.torch.TorchHead.Reference;
import org.wanda4j.torch.TrainingHead.Target;

/// Windows on their way through the teacher.
final class TeacherPass implements AutoCloseable {

    private final Teacher teacher;
    private final boolean keepsStates;
    private final int batches;
    private final int length;
    private final Device device;
    private final Arena memory = Arena.ofShared();
    private final TorchEmbedding embedding;
    private final TorchHead head;
    private final ActivationStore states;

    /// Those of a device, where they stay.
    private final List<TorchBlock> blocks = new ArrayList<>();

    /// @param keepsStates whether the states before each block are kept; else those of the block at hand alone
    TeacherPass(
            Teacher teacher,
            boolean keepsStates,
            int windows,
            int length,
            ScratchSpace scratch,
            Device device) {
        this.teacher = teacher;
        this.keepsStates = keepsStates;
        this.batches = windows / windowsPerBatch(windows, device);
        this.length = length;
        this.device = device;
        Architecture architecture = teacher.architecture();
        this.embedding =
                new TorchEmbedding(
                        architecture,
                        view -> teacher.checkpoint().map(view, memory),
                        teacher.type(),
                        device);
        this.head =
                new TorchHead(
                        architecture,
                        view -> teacher.checkpoint().map(view, memory),
                        teacher.type(),
                        device);
        int stages = keepsStates ? architecture.blocks().size() + 1 : 1;
        this.states = store(architecture, stages, windows, length, teacher.type(), scratch, device);
        if (!device.isHost()) {
            for (int index = 0; index < architecture.blocks().size(); index++) {
                try (Arena mapped = Arena.ofShared()) {
                    blocks.add(block(index, mapped));
                }
            }
        }
    }

    /// A store of the windows of a step at several places of a model: each window a batch, or on a device all that are at one place.
    static ActivationStore store(
            Architecture architecture,
            int places,
            int windows,
            int length,
            ComputeType type,
            ScratchSpace scratch,
            Device device) {
        var layout =
                new ActivationStore.Layout(
                        places * windows,
                        length,
                        architecture.hidden(),
                        TorchBlock.stageWidth(architecture),
                        false,
                        type,
                        windowsPerBatch(windows, device) * length);
        return new ActivationStore(layout, scratch, device);
    }

    /// How many of a step's windows are a batch.
    static int windowsPerBatch(int windows, Device device) {
        return device.isHost() ? 1 : windows;
    }

    void embed(List<int[]> ids, int batch) {
        embedding.embed(ids, states(0, batch));
    }

    /// Does something with block `index`.
    void with(int index, Consumer<TorchBlock> work) {
        if (!blocks.isEmpty()) {
            work.accept(blocks.get(index));
            return;
        }
        try (Arena mapped = Arena.ofShared();
                TorchBlock block = block(index, mapped)) {
            work.accept(block);
        }
    }

    /// @param mapped outlives the block; on a device, this call
    private TorchBlock block(int index, Arena mapped) {
        return new TorchBlock(
                teacher.architecture().blocks().get(index),
                view -> teacher.checkpoint().map(view, mapped),
                teacher.type(),
                length,
                device);
    }

    /// Takes a batch through block `index`.
    void forward(TorchBlock block, int index, int batch) {
        Batch behind = states(index + 1, batch);
        if (keepsStates) {
            behind.copyStates(states(index, batch));
        }
        block.forward(behind);
    }

    /// A batch before block `block`, or behind the last.
    Batch states(int block, int batch) {
        return states.batch(keepsStates ? block * batches + batch : batch);
    }

    /// The logits of a batch that came to the end.
    Target target(int batch, double temperature) {
        return new Target.Teacher(
                new Reference(head, states(teacher.architecture().blocks().size(), batch)),
                temperature);
    }

    @Override
    public void close() {
        embedding.close();
        head.close();
        blocks.forEach(TorchBlock::close);
        states.close();
        memory.close();
    }
}
