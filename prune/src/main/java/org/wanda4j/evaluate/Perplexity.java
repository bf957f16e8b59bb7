package org.wanda4j.evaluate;

import static java.util.Collections.nCopies;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.WindowParts;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Architecture;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchHead;
import org.wanda4j.torch.TorchHead.Predictions;

/// Perplexity of a model on a text: the text is tokenised whole and cut into windows that do not overlap; in each, the
/// mean negative log likelihood of every token but the first, given those before it; then exp of the mean over windows.
///
/// @param model the directory
/// @param perplexity at least 1
/// @param windows how many were read
/// @param tokens in them
/// @param seconds it took
/// @param divergence from a reference, where one was given
public record Perplexity(
        String model,
        double perplexity,
        int windows,
        long tokens,
        double seconds,
        Optional<Divergence> divergence) {

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

        ComputeType computed() {
            return type.orElse(ComputeType.FP32);
        }

        int seqlen(Architecture architecture) {
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
    /// @param reference what the model will be compared with
    /// @throws InvalidInputException when the text is too short, the model and its tokenizer cannot be used, or they have other
    ///     tokens than the reference
    public static void check(
            Checkpoint checkpoint, Corpus text, Protocol protocol, Optional<Checkpoint> reference) {
        EncodedText own = EncodedText.of(checkpoint, text, protocol);
        reference.ifPresent(other -> own.requireSame(EncodedText.of(other, text, protocol)));
    }

    /// Measures `checkpoint` on `text`.
    ///
    /// @throws InvalidInputException when the text is too short, or the model and its tokenizer cannot be used
    public static Perplexity measure(
            Checkpoint checkpoint, Corpus text, Protocol protocol, RunSettings settings) {
        return measure(checkpoint, text, protocol, Optional.empty(), settings);
    }

    /// Measures `checkpoint` on `text`, and its divergence from a reference on the same text.
    ///
    /// @param reference made with the same text and protocol
    /// @throws InvalidInputException when the text is too short, the model and its tokenizer cannot be used, or they have other
    ///     tokens than the reference
    public static Perplexity measure(
            Checkpoint checkpoint,
            Corpus text,
            Protocol protocol,
            Optional<LastStates> reference,
            RunSettings settings) {
        long start = System.nanoTime();
        EncodedText own = EncodedText.of(checkpoint, text, protocol);
        reference.ifPresent(other -> own.requireSame(other.text()));
        List<Predictions> windows =
                settings.runner()
                        .workers()
                        .map(workers ->
                                predictBy(workers, own, protocol.computed(), reference, settings))
                        .orElseGet(() -> predict(own, protocol.computed(), reference, settings));
        int positions = own.windows().seqlen() - 1;
        double loss =
                windows.stream()
                        .mapToDouble(each -> each.negativeLogLikelihood() / positions)
                        .average()
                        .orElseThrow();
        requireFinite(loss, checkpoint);
        Optional<Divergence> divergence =
                reference.map(other -> divergence(other.text().checkpoint(), windows));
        return new Perplexity(
                checkpoint.directory().toString(),
                Math.exp(loss),
                own.windows().count(),
                own.windows().tokens(),
                (System.nanoTime() - start) / 1e9,
                divergence);
    }

    /// Has workers predict every window, some of them each.
    private static List<Predictions> predictBy(
            Workers workers,
            EncodedText text,
            ComputeType type,
            Optional<LastStates> reference,
            RunSettings settings) {
        List<Windows> parts = WindowParts.of(text.windows(), text.layout(type), workers);
        List<List<Predictions>> predictions = new ArrayList<>(nCopies(parts.size(), List.of()));
        String model = text.path();
        List<String> others = reference.map(it -> it.text().path()).stream().toList();
        settings.progress().start("evaluating", text.work());
        workers.forEach(
                parts,
                (part, there) -> List.copyOf(predict(part, model, others, type, there)),
                (part, predicted) -> {
                    predictions.set(part, predicted);
                    settings.progress().advance(text.with(parts.get(part)).work(), "windows");
                });
        return predictions.stream().flatMap(List::stream).toList();
    }

    /// What a worker does.
    ///
    /// @param model directory
    /// @param others directory of the reference, where there is one
    private static List<Predictions> predict(
            Windows windows,
            String model,
            List<String> others,
            ComputeType type,
            RunSettings settings) {
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(model))) {
            EncodedText text = EncodedText.of(checkpoint, windows);
            if (others.isEmpty()) {
                return predict(text, type, Optional.empty(), settings);
            }
            try (Checkpoint other = Checkpoint.open(Path.of(others.getFirst()));
                    var reference =
                            new LastStates(EncodedText.of(other, windows), type, settings)) {
                return predict(text, type, Optional.of(reference), settings);
            }
        }
    }

    /// Predicts every window.
    private static List<Predictions> predict(
            EncodedText text,
            ComputeType type,
            Optional<LastStates> reference,
            RunSettings settings) {
        Optional<ActivationStore> known = reference.map(it -> it.store(settings));
        try (Arena memory = Arena.ofShared();
                var states = new LastStates(text, type, settings)) {
            Optional<TorchHead> other = reference.map(it -> it.head(memory));
            try {
                return predict(
                        states,
                        index ->
                                other.map(head ->
                                        new TorchHead.Reference(
                                                head, known.orElseThrow().batch(index))),
                        settings);
            } finally {
                other.ifPresent(TorchHead::close);
            }
        }
    }

    /// @param reference of a batch, by its index
    private static List<Predictions> predict(
            LastStates states,
            IntFunction<Optional<TorchHead.Reference>> reference,
            RunSettings settings) {
        List<int[]> windows = states.windows().ids();
        ActivationStore store = states.store(settings);
        Predictions[] predictions = new Predictions[windows.size()];
        settings.progress().start("predicting", states.windows().tokens());
        try (Engine engine = settings.engine(states.type())) {
            states.forward(engine)
                    .head(
                            store,
                            (head, index, batch) -> {
                                Optional<TorchHead.Reference> other = reference.apply(index);
                                for (int i = 0; i < store.windowsOf(index); i++) {
                                    int window = store.firstWindow(index) + i;
                                    predictions[window] =
                                            head.predict(batch, i, windows.get(window), other);
                                }
                                settings.progress().advance(store.tokensOf(index), "head");
                            });
        }
        return List.of(predictions);
    }

    private static Divergence divergence(Checkpoint reference, List<Predictions> windows) {
        var divergence =
                Divergence.of(
                        reference.directory().toString(),
                        windows.stream().map(Predictions::divergences).toList(),
                        windows.stream().mapToLong(Predictions::sameChoices).sum());
        requireFinite(divergence.mean(), reference);
        return divergence;
    }

    private static void requireFinite(double loss, Checkpoint checkpoint) {
        if (!Double.isFinite(loss)) {
            throw new InvalidInputException(
                    checkpoint.directory()
                            + ": its loss is not finite; some weight is broken, or too large for the type it was computed in");
        }
    }
}
