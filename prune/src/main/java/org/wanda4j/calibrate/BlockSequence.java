package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import java.util.List;
import org.wanda4j.model.Block;
import org.wanda4j.report.Phases;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.TorchBlock;

/// The blocks of a checkpoint, front to back. While one is in use, the next one is read.
public final class BlockSequence implements AutoCloseable {

    private final LayerwiseForward forward;
    private final Phases phases;
    private final BlockReader reader;
    private int next;

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
        phases.time("waitRead", () -> reader.await(index));
        return phases.time("load", () -> load(index));
    }

    @SuppressWarnings("MustBeClosed") // The caller does.
    private LoadedBlock load(int index) {
        Block block = blocks().get(index);
        ComputeType type = forward.engine().type();
        Arena memory = forward.scratch().arena(block, type);
        try {
            var torch =
                    new TorchBlock(
                            block,
                            view -> forward.checkpoint().map(view, memory),
                            type,
                            forward.length(),
                            forward.scratch().holds(block, type));
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
        reader.close();
    }
}
