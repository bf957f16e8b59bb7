package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Block;
import org.wanda4j.report.Phases;
import org.wanda4j.threads.BackgroundTask;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.TorchBlock;

/// The blocks of a checkpoint, front to back. While one is in use, the next one is read, and brought to the device where there is
/// one, beside what that computes.
public final class BlockSequence implements AutoCloseable {

    private final LayerwiseForward forward;
    private final Phases phases;
    private final BlockReader reader;
    private int next;
    private Optional<BackgroundTask<LoadedBlock>> ahead = Optional.empty();

    BlockSequence(LayerwiseForward forward, int first, Phases phases) {
        this.forward = forward;
        this.phases = phases;
        this.next = first;
        this.reader = new BlockReader(forward.checkpoint(), forward.architecture(), first);
    }

    /// Whether there is another block.
    public boolean hasNext() {
        return next < blocks().size();
    }

    /// Loads the next block, which the caller closes before the one after it.
    public LoadedBlock next() {
        int index = next++;
        if (device().isHost()) {
            phases.time("waitRead", () -> reader.await(index));
            return phases.time("load", () -> load(index));
        }
        LoadedBlock block =
                phases.time(
                        "load",
                        () -> ahead.map(BackgroundTask::await).orElseGet(() -> read(index)));
        ahead =
                hasNext()
                        ? Optional.of(
                                BackgroundTask.start(
                                        "wanda-upload",
                                        () -> device().besides(() -> read(index + 1))))
                        : Optional.empty();
        return block;
    }

    private LoadedBlock read(int index) {
        reader.await(index);
        return load(index);
    }

    private Device device() {
        return forward.engine().device();
    }

    @SuppressWarnings("MustBeClosed") // The caller does.
    private LoadedBlock load(int index) {
        Block block = blocks().get(index);
        ComputeType type = forward.engine().type();
        Arena memory = forward.scratch().arena(block, type);
        try {
            Function<MatrixView, TensorView> source =
                    view -> forward.checkpoint().map(view, memory);
            int length = forward.length();
            var torch =
                    device().isHost()
                            ? new TorchBlock(
                                    block,
                                    source,
                                    type,
                                    length,
                                    forward.scratch().holds(block, type))
                            : new TorchBlock(block, source, type, length, device());
            return new LoadedBlock(index, blocks().size(), torch, memory);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private List<Block> blocks() {
        return forward.architecture().blocks();
    }

    @Override
    public void close() {
        try {
            ahead.ifPresent(it -> it.await().close());
        } finally {
            reader.close();
        }
    }
}
