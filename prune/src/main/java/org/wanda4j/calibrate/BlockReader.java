package org.wanda4j.calibrate;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.threads.BackgroundTask;
import org.wanda4j.threads.Threads;

/// Reads blocks ahead of their use, one at most, on a thread of its own.
///
/// What is read goes to the system's page cache, where the mapped tensors find it: nothing is held here. A disk that
/// fails, or a file that was cut short, shows as an exception; in mapped memory it would be a signal in the middle of a
/// matrix product.
final class BlockReader implements AutoCloseable {

    private final Checkpoint checkpoint;
    private final List<Block> blocks;
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().name("wanda-reader").factory());
    private BackgroundTask<Boolean> pending;
    private volatile boolean closed;

    /// @param first the block that will be awaited first
    BlockReader(Checkpoint checkpoint, Architecture architecture, int first) {
        this.checkpoint = checkpoint;
        this.blocks = architecture.blocks();
        this.pending = read(first);
    }

    /// Waits until block `index` has been read, and has the one behind it read.
    ///
    /// @throws InvalidInputException when it cannot be read
    void await(int index) {
        pending.await();
        pending = read(index + 1);
    }

    /// @return whether there is such a block
    private BackgroundTask<Boolean> read(int index) {
        return BackgroundTask.start(
                thread,
                () -> {
                    boolean exists = index < blocks.size();
                    if (exists) {
                        names(blocks.get(index))
                                .takeWhile(_ -> !closed)
                                .forEach(checkpoint::readAhead);
                    }
                    return exists;
                });
    }

    private static Stream<String> names(Block block) {
        return block.linears().stream().flatMap(Linear::views).map(MatrixView::tensor).distinct();
    }

    /// Ends reading, in the middle of a block if need be. Nothing is interrupted: that would close the file.
    @Override
    public void close() {
        closed = true;
        Threads.finish(thread);
    }
}
