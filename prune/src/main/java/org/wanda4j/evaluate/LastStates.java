package org.wanda4j.evaluate;

import java.lang.foreign.Arena;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchHead;

/// The hidden states of a text behind the last block of a model.
///
/// Kept, they are a reference that other models are compared with: its logits, vocabulary / hidden size times as large, are
/// made from them again, for some tokens at a time.
public final class LastStates implements AutoCloseable {

    private final EncodedText text;
    private final ComputeType type;
    private final Device device;
    private final ScratchDirectory directory;
    private final ScratchSpace scratch;
    private final ActivationStore store;

    private LastStates(EncodedText text, ComputeType type, RunSettings settings) {
        this.text = text;
        this.type = type;
        this.device = settings.device();
        this.directory = new ScratchDirectory();
        this.scratch = settings.scratch(directory.path());
        try {
            this.store =
                    ActivationStore.of(
                            text.architecture(), text.windows(), false, type, scratch, device);
        } catch (RuntimeException | Error e) {
            directory.close();
            throw e;
        }
    }

    /// Takes a text through all blocks of a model.
    ///
    /// @param checkpoint must stay open as long as what is returned
    /// @throws InvalidInputException when the text is too short, or the model and its tokenizer cannot be used
    public static LastStates of(
            Checkpoint checkpoint,
            Corpus text,
            Perplexity.Protocol protocol,
            RunSettings settings) {
        var states =
                new LastStates(
                        EncodedText.of(checkpoint, text, protocol),
                        protocol.type().orElse(ComputeType.FP32),
                        settings);
        try {
            states.compute(settings);
            return states;
        } catch (RuntimeException | Error e) {
            states.close();
            throw e;
        }
    }

    private void compute(RunSettings settings) {
        Architecture architecture = text.architecture();
        try (Engine engine = settings.engine(type)) {
            LayerwiseForward forward = forward(engine);
            forward.embed(store, windows());
            settings.progress()
                    .start("evaluating", windows().tokens() * architecture.blocks().size());
            forward.forward(store, settings.progress());
        }
    }

    LayerwiseForward forward(Engine engine) {
        return new LayerwiseForward(
                text.checkpoint(), text.architecture(), engine, scratch, windows().seqlen());
    }

    /// The model's head, to be closed before `memory`.
    TorchHead head(Arena memory) {
        return new TorchHead(
                text.architecture(), view -> text.checkpoint().map(view, memory), type, device);
    }

    EncodedText text() {
        return text;
    }

    Windows windows() {
        return text.windows();
    }

    ComputeType type() {
        return type;
    }

    ActivationStore store() {
        return store;
    }

    @Override
    public void close() {
        store.close();
        directory.close();
    }
}
