package org.wanda4j.evaluate;

import java.lang.foreign.Arena;
import java.util.Optional;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchHead;

/// The hidden states of a text behind the last block of a model, computed when they are first asked for.
///
/// Kept, they are a reference that other models are compared with: its logits, vocabulary / hidden size times as large, are
/// made from them again, for some tokens at a time.
public final class LastStates implements AutoCloseable {

    private final EncodedText text;
    private final ComputeType type;
    private final Device device;
    private final ScratchDirectory directory;
    private final ScratchSpace scratch;
    private Optional<ActivationStore> store = Optional.empty();

    LastStates(EncodedText text, ComputeType type, RunSettings settings) {
        this.text = text;
        this.type = type;
        this.device = settings.device();
        this.directory = new ScratchDirectory();
        this.scratch = settings.scratch(directory.path());
    }

    /// Those of a text in the tokens of a model.
    ///
    /// @param checkpoint must stay open as long as what is returned
    /// @throws InvalidInputException when the text is too short, or the model and its tokenizer cannot be used
    public static LastStates of(
            Checkpoint checkpoint,
            Corpus text,
            Perplexity.Protocol protocol,
            RunSettings settings) {
        return new LastStates(
                EncodedText.of(checkpoint, text, protocol), protocol.computed(), settings);
    }

    /// The states, in batches; the first call takes the text through all blocks.
    synchronized ActivationStore store(RunSettings settings) {
        if (store.isEmpty()) {
            var embedded =
                    ActivationStore.of(
                            text.architecture(), windows(), false, type, scratch, device);
            store = Optional.of(embedded);
            compute(embedded, settings);
        }
        return store.get();
    }

    private void compute(ActivationStore states, RunSettings settings) {
        try (Engine engine = settings.engine(type)) {
            LayerwiseForward forward = forward(engine);
            forward.embed(states, windows());
            settings.progress().start("evaluating", text.work());
            forward.forward(states, settings.progress());
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

    @Override
    public void close() {
        store.ifPresent(ActivationStore::close);
        directory.close();
    }
}
