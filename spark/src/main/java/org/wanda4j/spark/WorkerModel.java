package org.wanda4j.spark;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.broadcast.Broadcast;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.families.Families;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.TorchBlock;

/// The model in an executor: mapped from the path that all see, and shared by its tasks. A block stays in memory until another one,
/// or the same one with more linears replaced, is asked for and no task uses it.
final class WorkerModel {

    private static final Map<String, WorkerModel> BY_RUN = new HashMap<>();

    private final Checkpoint checkpoint;
    private final Architecture architecture;
    private final ComputeType type;
    private final int length;
    private final List<SharedBlock> blocks = new ArrayList<>();

    private WorkerModel(PartWork.Run run) {
        this.checkpoint = Checkpoint.open(Path.of(run.model()));
        this.architecture = Families.describe(checkpoint);
        this.type = run.type();
        this.length = run.length();
    }

    /// The model of a run, opened at the first call; no block of an earlier run stays.
    static synchronized WorkerModel of(PartWork.Run run) {
        if (!BY_RUN.containsKey(run.id())) {
            BY_RUN.values().forEach(WorkerModel::freeIdle);
            BY_RUN.put(run.id(), new WorkerModel(run));
        }
        return BY_RUN.get(run.id());
    }

    /// Closes the model of a run, where this process has opened it; no task runs any more.
    static synchronized void close(String run) {
        WorkerModel model = BY_RUN.remove(run);
        if (model != null) {
            model.blocks.forEach(SharedBlock::free);
            model.checkpoint.close();
        }
    }

    Checkpoint checkpoint() {
        return checkpoint;
    }

    Architecture architecture() {
        return architecture;
    }

    /// A block with some of its linears replaced, to be closed by the task: what a task computed is computed again by the
    /// weights of then, when it is lost.
    ///
    /// @param index of the block
    /// @param replaced in the order in which that was done
    synchronized SharedBlock block(int index, List<Broadcast<NewWeight>> replaced) {
        for (SharedBlock each : blocks) {
            if (each.index == index && each.replaced == replaced.size()) {
                each.users++;
                return each;
            }
        }
        freeIdle();
        var block = new SharedBlock(index, replaced);
        blocks.add(block);
        return block;
    }

    private synchronized void freeIdle() {
        blocks.removeIf(SharedBlock::freeIfIdle);
    }

    private synchronized void release(SharedBlock block) {
        block.users--;
    }

    /// A block in memory.
    final class SharedBlock implements AutoCloseable {

        private final int index;
        private final int replaced;
        private final Arena memory = Arena.ofShared();
        private final TorchBlock torch;
        private int users = 1;

        private SharedBlock(int index, List<Broadcast<NewWeight>> replaced) {
            this.index = index;
            this.replaced = replaced.size();
            Block block = architecture.blocks().get(index);
            Map<MatrixView, TensorView> weights = new HashMap<>();
            try {
                for (Broadcast<NewWeight> each : replaced) {
                    NewWeight weight = each.value();
                    weights.put(
                            block.linears().get(weight.linear()).weight(),
                            weight.matrix().view(memory));
                }
                this.torch =
                        new TorchBlock(
                                block,
                                view -> {
                                    TensorView replacement = weights.get(view);
                                    return replacement == null
                                            ? checkpoint.map(view, memory)
                                            : replacement;
                                },
                                type,
                                length);
            } catch (RuntimeException | Error e) {
                memory.close();
                throw e;
            }
        }

        TorchBlock torch() {
            return torch;
        }

        private boolean freeIfIdle() {
            if (users > 0) {
                return false;
            }
            free();
            return true;
        }

        private void free() {
            torch.close();
            memory.close();
        }

        @Override
        public void close() {
            release(this);
        }
    }
}
