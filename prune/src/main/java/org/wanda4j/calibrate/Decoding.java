package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.report.Phases;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TorchEmbedding;

/// Windows on their way through the blocks of a checkpoint. One block's weights are in memory at a time.
public final class Decoding implements AutoCloseable {

    private final Checkpoint checkpoint;
    private final Architecture architecture;
    private final Engine engine;
    private final ActivationStore store;
    private final long activationMemory;
    private final Path scratch;

    /// What is done with a block once its weights are there.
    @FunctionalInterface
    public interface BlockVisitor {

        /// @param index of the block, from 0
        /// @param block ready to run
        /// @param memory lives as long as the block does
        void visit(int index, TorchBlock block, Arena memory);
    }

    /// Embeds `windows`.
    ///
    /// @param keepsStages whether what lies between two stages outlasts a pass over the windows
    /// @param activationMemory most bytes of activations to keep in memory
    /// @param scratch directory for more
    /// @throws InvalidInputException when an id is not in the model's vocabulary, or there is no room
    public Decoding(
            Checkpoint checkpoint,
            Architecture architecture,
            Engine engine,
            Windows windows,
            boolean keepsStages,
            long activationMemory,
            Path scratch) {
        this.checkpoint = checkpoint;
        this.architecture = architecture;
        this.engine = engine;
        this.activationMemory = activationMemory;
        this.scratch = scratch;
        check(checkpoint, architecture, windows);
        int stageWidth = TorchBlock.stageWidth(architecture);
        this.store =
                new ActivationStore(
                        new ActivationStore.Layout(
                                windows.count(),
                                windows.seqlen(),
                                architecture.hidden(),
                                stageWidth,
                                keepsStages,
                                engine.type()),
                        activationMemory,
                        scratch);
        embed(windows);
    }

    /// The hidden states after the last block that was run.
    public ActivationStore store() {
        return store;
    }

    /// A store of its own with the hidden states as they are now.
    public ActivationStore copyStates() {
        var copy = new ActivationStore(store.layout().statesAlone(), activationMemory, scratch);
        copy.copyStates(store);
        return copy;
    }

    /// A tensor of the checkpoint.
    public TensorView map(MatrixView view, Arena memory) {
        return checkpoint.map(view, memory);
    }

    /// Loads the blocks one after the other, front to back.
    public void forEachBlock(BlockVisitor visitor) {
        forEachBlock(0, new Phases(), visitor);
    }

    /// Loads the blocks from `first` on, one after the other. While a block is visited, the next one is read.
    ///
    /// @param phases hear how long reading was waited for, and how long a block took to load
    public void forEachBlock(int first, Phases phases, BlockVisitor visitor) {
        try (var reader = new BlockReader(checkpoint, architecture, first)) {
            for (int index = first; index < architecture.blocks().size(); index++) {
                int at = index;
                phases.time("waitRead", () -> reader.await(at));
                try (Arena memory = Arena.ofShared();
                        TorchBlock block = phases.time("load", () -> load(at, memory))) {
                    visitor.visit(index, block, memory);
                }
            }
        }
    }

    @SuppressWarnings("MustBeClosed") // The caller does.
    private TorchBlock load(int index, Arena memory) {
        return new TorchBlock(
                architecture.blocks().get(index),
                view -> checkpoint.map(view, memory),
                engine.type(),
                store.layout().length());
    }

    private void embed(Windows windows) {
        try (Arena memory = Arena.ofShared();
                var embedding =
                        new TorchEmbedding(
                                architecture,
                                view -> checkpoint.map(view, memory),
                                engine.type())) {
            engine.forEach(
                    store.batches(),
                    index -> {
                        int first = store.firstWindow(index);
                        embedding.embed(
                                windows.ids().subList(first, first + store.windowsOf(index)),
                                store.batch(index));
                    });
        } catch (RuntimeException | Error e) {
            store.close();
            throw e;
        }
    }

    /// Refuses windows that the model cannot take.
    ///
    /// @throws InvalidInputException when an id is not in its vocabulary, or the windows are longer than its positions
    public static void check(Checkpoint checkpoint, Architecture architecture, Windows windows) {
        checkIds(checkpoint, architecture, windows.maxId());
        int length = windows.seqlen();
        if (architecture.embedding().positions().isPresent() && length > architecture.positions()) {
            throw new InvalidInputException(
                    "%s: windows of %d tokens, but the model has %d positions; use a smaller --seqlen"
                            .formatted(checkpoint.directory(), length, architecture.positions()));
        }
    }

    /// Refuses ids of which the largest is `largest`.
    ///
    /// @throws InvalidInputException when it is not in the vocabulary
    public static void checkIds(Checkpoint checkpoint, Architecture architecture, int largest) {
        if (largest >= architecture.vocabulary()) {
            throw new InvalidInputException(
                    "%s: the tokenizer gives id %d, but the model's vocabulary ends at %d; tokenizer.json belongs to another model"
                            .formatted(
                                    checkpoint.directory(),
                                    largest,
                                    architecture.vocabulary() - 1));
        }
    }

    @Override
    public void close() {
        store.close();
    }
}
