package org.wanda4j.calibrate;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.IntFunction;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.report.Phases;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchEmbedding;
import org.wanda4j.torch.TorchHead;

/// A forward in which all windows go through one part of the model before the next part is loaded: embedding, block after
/// block, head. The weights of one part are in memory at a time.
///
/// @param scratch for what is too large for memory
/// @param length tokens of the longest window
public record LayerwiseForward(
        Checkpoint checkpoint,
        Architecture architecture,
        Engine engine,
        ScratchSpace scratch,
        int length) {

    /// What is done with a batch behind the last block.
    @FunctionalInterface
    public interface HeadVisitor {

        /// @param index of the batch
        void visit(TorchHead head, int index, Batch batch);
    }

    /// Sets hidden states to the embedding of token ids.
    ///
    /// @param ids of a batch, by its index: one window each
    public void embed(HiddenStates states, IntFunction<List<int[]>> ids) {
        try (Arena memory = Arena.ofShared();
                var embedding =
                        new TorchEmbedding(
                                architecture,
                                view -> checkpoint.map(view, memory),
                                engine.type(),
                                engine.device())) {
            engine.forEach(
                    states.batches(),
                    index -> embedding.embed(ids.apply(index), states.batch(index)));
        }
    }

    /// Sets the hidden states of a store to the embedding of `windows`.
    ///
    /// @throws InvalidInputException when the model cannot take them
    public void embed(ActivationStore store, Windows windows) {
        check(checkpoint, architecture, windows);
        embed(
                store,
                index -> {
                    int first = store.firstWindow(index);
                    return windows.ids().subList(first, first + store.windowsOf(index));
                });
    }

    /// A store of windows with their embedding, to be closed by the caller.
    ///
    /// @param keepsStages whether what lies between two stages outlasts a pass over the windows
    /// @throws InvalidInputException when the model cannot take them, or the file of a large store cannot be had
    public ActivationStore embedded(Windows windows, boolean keepsStages) {
        var store =
                ActivationStore.of(
                        architecture,
                        windows,
                        keepsStages,
                        engine.type(),
                        scratch,
                        engine.device());
        try {
            embed(store, windows);
            return store;
        } catch (RuntimeException | Error e) {
            store.close();
            throw e;
        }
    }

    /// The blocks, one after the other.
    public BlockSequence blocks() {
        return blocks(0, new Phases());
    }

    /// The blocks from `first` on, one after the other.
    ///
    /// @param phases counts how long reading was waited for, and how long a block took to load
    public BlockSequence blocks(int first, Phases phases) {
        return new BlockSequence(this, first, phases);
    }

    /// Takes hidden states through all blocks.
    public void forward(HiddenStates states, Progress progress) {
        try (BlockSequence blocks = blocks()) {
            while (blocks.hasNext()) {
                try (LoadedBlock block = blocks.next()) {
                    states.forward(engine, block.torch(), progress.within(block.label()));
                }
            }
        }
    }

    /// Does something with every batch and the head.
    public void head(HiddenStates states, HeadVisitor visitor) {
        try (Arena memory = Arena.ofShared();
                TorchHead head =
                        new TorchHead(
                                architecture,
                                view -> checkpoint.map(view, memory),
                                engine.type(),
                                engine.device())) {
            engine.forEach(
                    states.batches(), index -> visitor.visit(head, index, states.batch(index)));
        }
    }

    /// Refuses windows that a model cannot take.
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
}
