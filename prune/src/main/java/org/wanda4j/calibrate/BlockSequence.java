package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.report.Phases;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.TorchBlock;

/// The blocks of a checkpoint, front to back. While one is in use, the next one is read.
public final class BlockSequence implements AutoCloseable {

    private final Checkpoint checkpoint;
    private final Architecture architecture;
    private final ComputeType type;
    private final int length;
    private final Phases phases;
    private final BlockReader reader;
    private int next;

    BlockSequence(
            Checkpoint checkpoint,
            Architecture architecture,
            ComputeType type,
            int length,
            int first,
            Phases phases) {
        this.checkpoint = checkpoint;
        this.architecture = architecture;
        this.type = type;
        this.length = length;
        this.phases = phases;
        this.next = first;
        this.reader = new BlockReader(checkpoint, architecture, first);
    }

    /// Whether there is another block.
    public boolean hasNext() {
        return next < architecture.blocks().size();
    }

    /// Loads the next block, which the caller closes before the one after it.
    public LoadedBlock next() {
        int index = next++;
        phases.time("waitRead", () -> reader.await(index));
        return phases.time("load", () -> load(index));
    }

    @SuppressWarnings("MustBeClosed") // The caller does.
    private LoadedBlock load(int index) {
        Arena memory = Arena.ofShared();
        try {
            TorchBlock block =
                    new TorchBlock(
                            architecture.blocks().get(index),
                            view -> checkpoint.map(view, memory),
                            type,
                            length);
            return new LoadedBlock(index, architecture.blocks().size(), block, memory);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    @Override
    public void close() {
        reader.close();
    }
}
