package org.wanda4j.evaluate;

import java.util.Arrays;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;

/// A text in the tokens of a model.
record EncodedText(Checkpoint checkpoint, Architecture architecture, Windows windows) {

    /// @throws InvalidInputException when the text is too short, or the model and its tokenizer cannot be used
    static EncodedText of(Checkpoint checkpoint, Corpus text, Perplexity.Protocol protocol) {
        Architecture architecture = Families.describe(checkpoint);
        try (Tokenizer tokenizer = Tokenizer.open(checkpoint.directory())) {
            Windows windows =
                    Windows.ofText(
                            text, tokenizer, protocol.seqlen(architecture), protocol.windows());
            LayerwiseForward.check(checkpoint, architecture, windows);
            return new EncodedText(checkpoint, architecture, windows);
        }
    }

    /// Windows in the tokens of a model.
    static EncodedText of(Checkpoint checkpoint, Windows windows) {
        return new EncodedText(checkpoint, Families.describe(checkpoint), windows);
    }

    /// Other windows.
    EncodedText with(Windows others) {
        return new EncodedText(checkpoint, architecture, others);
    }

    /// The model's directory, as others see it too.
    String path() {
        return checkpoint.directory().toAbsolutePath().toString();
    }

    /// Of the hidden states of all windows.
    ActivationStore.Layout layout(ComputeType type) {
        return ActivationStore.Layout.of(architecture, windows, false, type);
    }

    /// Tokens that a block computes, over all blocks.
    long work() {
        return windows.tokens() * architecture.blocks().size();
    }

    /// Refuses a reference that does not predict the same tokens at the same positions.
    ///
    /// @throws InvalidInputException when vocabulary or windows differ
    void requireSame(EncodedText reference) {
        int own = architecture.vocabulary();
        int its = reference.architecture.vocabulary();
        if (own != its) {
            throw new InvalidInputException(
                    "%s has a vocabulary of %,d tokens, the reference %s one of %,d; only models with the same tokens can be compared"
                            .formatted(
                                    checkpoint.directory(),
                                    own,
                                    reference.checkpoint.directory(),
                                    its));
        }
        if (windows.seqlen() != reference.windows.seqlen()) {
            throw new InvalidInputException(
                    "%s is measured in windows of %,d tokens, the reference %s in windows of %,d; give both the same by --seqlen"
                            .formatted(
                                    checkpoint.directory(),
                                    windows.seqlen(),
                                    reference.checkpoint.directory(),
                                    reference.windows.seqlen()));
        }
        if (!Arrays.deepEquals(windows.ids().toArray(), reference.windows.ids().toArray())) {
            throw new InvalidInputException(
                    "%s has another tokenizer than the reference %s: the text has other tokens; only models with the same tokens can be compared"
                            .formatted(checkpoint.directory(), reference.checkpoint.directory()));
        }
    }
}
