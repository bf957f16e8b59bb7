package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import org.wanda4j.torch.TorchBlock;

/// A block whose weights are in memory, until it is closed.
///
/// @param index from 0
/// @param count blocks of the model
/// @param torch ready to run
/// @param memory lives as long as the block does
public record LoadedBlock(int index, int count, TorchBlock torch, Arena memory)
        implements AutoCloseable {

    /// Whether no block follows.
    public boolean isLast() {
        return index == count - 1;
    }

    /// How progress lines name it: `block 3/30`.
    public String label() {
        return "block " + (index + 1) + "/" + count;
    }

    @Override
    public void close() {
        torch.close();
        memory.close();
    }
}
