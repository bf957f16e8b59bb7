package org.wanda4j.evaluate;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.DoubleStream;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Tokenizer;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;

/// Perplexity of a model on a text: the text is tokenised whole and cut into windows that do not overlap; in each, the
/// mean negative log likelihood of every token but the first, given those before it; then exp of the mean over windows.
///
/// @param model the directory
/// @param perplexity at least 1
/// @param windows how many were read
/// @param tokens in them
/// @param seconds it took
public record Perplexity(
        String model, double perplexity, int windows, long tokens, double seconds) {

    private static final int LONGEST_WINDOW = 2048;

    /// What is measured.
    ///
    /// @param seqlen tokens of a window; 2048, or what the model can take, where empty
    /// @param windows how many from the front of the text; all where empty
    /// @param type in which the model is computed; fp32 where empty
    public record Protocol(OptionalInt seqlen, OptionalInt windows, Optional<ComputeType> type) {

        /// The whole text, as the papers do it.
        public static final Protocol DEFAULT =
                new Protocol(OptionalInt.empty(), OptionalInt.empty(), Optional.empty());

        private int seqlen(Architecture architecture) {
            int length = seqlen.orElse(Math.min(LONGEST_WINDOW, architecture.positions()));
            if (length < 2) {
                throw new InvalidInputException(
                        "--seqlen must be at least 2 to predict a token from another one");
            }
            return length;
        }
    }

    /// Refuses what [#measure] would refuse, before anything is computed.
    ///
    /// @throws InvalidInputException when the text is too short, or the model and its tokenizer cannot be used
    public static void check(Checkpoint checkpoint, Corpus text, Protocol protocol) {
        windows(checkpoint, Architecture.of(checkpoint), text, protocol);
    }

    /// Measures `checkpoint` on `text`.
    ///
    /// @throws InvalidInputException when the text is too short, or the model and its tokenizer cannot be used
    public static Perplexity measure(
            Checkpoint checkpoint, Corpus text, Protocol protocol, RunSettings settings) {
        long start = System.nanoTime();
        Architecture architecture = Architecture.of(checkpoint);
        Windows windows = windows(checkpoint, architecture, text, protocol);
        double loss =
                meanLoss(
                        checkpoint,
                        architecture,
                        windows,
                        protocol.type().orElse(ComputeType.FP32),
                        settings);
        if (!Double.isFinite(loss)) {
            throw new InvalidInputException(
                    checkpoint.directory()
                            + ": its loss is not finite; some weight is broken, or too large for the type it was computed in");
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        return new Perplexity(
                checkpoint.directory().toString(),
                Math.exp(loss),
                windows.count(),
                windows.tokens(),
                seconds);
    }

    private static Windows windows(
            Checkpoint checkpoint, Architecture architecture, Corpus text, Protocol protocol) {
        try (Tokenizer tokenizer = Tokenizer.open(checkpoint.directory())) {
            Windows windows =
                    Windows.ofText(
                            text, tokenizer, protocol.seqlen(architecture), protocol.windows());
            LayerwiseForward.check(checkpoint, architecture, windows);
            return windows;
        }
    }

    private static double meanLoss(
            Checkpoint checkpoint,
            Architecture architecture,
            Windows windows,
            ComputeType type,
            RunSettings settings) {
        try (var scratch = new ScratchDirectory();
                Engine engine = new Engine(type, settings.threads());
                ActivationStore store =
                        ActivationStore.of(
                                architecture,
                                windows,
                                false,
                                type,
                                settings.activationMemory(),
                                scratch.path())) {
            var forward = new LayerwiseForward(checkpoint, architecture, engine, windows.seqlen());
            forward.embed(store, windows);
            settings.progress()
                    .start("evaluating", windows.tokens() * architecture.blocks().size());
            forward.forward(store, settings.progress());
            settings.progress().start("predicting", windows.tokens());
            double[] losses = new double[windows.count()];
            forward.head(
                    store,
                    (head, index, batch) -> {
                        for (int i = 0; i < store.windowsOf(index); i++) {
                            int window = store.firstWindow(index) + i;
                            int[] ids = windows.ids().get(window);
                            losses[window] =
                                    head.negativeLogLikelihood(batch, i, ids) / (ids.length - 1);
                        }
                        settings.progress().advance(store.tokensOf(index), "head");
                    });
            return DoubleStream.of(losses).average().orElseThrow();
        }
    }
}
