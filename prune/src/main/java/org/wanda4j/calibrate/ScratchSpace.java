package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Block;
import org.wanda4j.torch.ComputeType;

/// Where a run keeps what may be larger than memory: in memory up to a limit; beyond it in mapped files, which the system
/// writes out and reads again as it needs the room.
///
/// @param memory most bytes of an arena that are kept in memory
/// @param directory for the files, which are deleted with their arena
public record ScratchSpace(long memory, Path directory) {

    /// Whether so many bytes are kept in memory.
    public boolean holds(long bytes) {
        return bytes <= memory;
    }

    /// Whether copies of a block's matrices are kept in memory.
    ///
    /// @param type that is computed in
    public boolean holds(Block block, ComputeType type) {
        return holds(bytes(block, type));
    }

    /// An arena for what becomes of a block's matrices.
    ///
    /// @param type that is computed in
    public Arena arena(Block block, ComputeType type) {
        return arena(bytes(block, type));
    }

    private static long bytes(Block block, ComputeType type) {
        return block.weights() * type.bytes();
    }

    /// An arena for about `bytes`, to be closed by the caller. What it allocates is aligned to 64 bytes at least.
    ///
    /// @throws InvalidInputException when the file cannot be had; so does each allocation that its disk has no room for
    @SuppressWarnings("MustBeClosed") // The caller does.
    public Arena arena(long bytes) {
        return holds(bytes) ? Arena.ofShared() : new MappedArena(directory);
    }
}
