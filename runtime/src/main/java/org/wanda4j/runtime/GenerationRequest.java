package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.Optional;
import org.wanda4j.grammar.Constraint;
import org.wanda4j.runtime.Generation.FinishReason;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Sequence;

/// A prompt and the tokens generated so far. Confined to the [Scheduler]'s thread, but for [#cancel()] and [#predict].
final class GenerationRequest {

    /// Receives the tokens of a request, on the scheduler's thread.
    interface Listener {

        /// Whether [#token] is to get log probabilities.
        boolean needsLogProbabilities();

        /// Whether it can take a token now; where not, the request pauses.
        default boolean acceptsToken() {
            return true;
        }

        /// Whether [#promptToken] is to get log probabilities of the prompt's tokens.
        default boolean scoresPrompt() {
            return false;
        }

        /// Takes a token of the prompt, but for the first one, which nothing comes before.
        ///
        /// @param logProbabilities are valid during the call
        default void promptToken(int id, LogProbabilities logProbabilities) {}

        /// Takes a generated token.
        ///
        /// @return whether to generate another one
        boolean token(int id, Optional<LogProbabilities> logProbabilities);

        /// The request ended. Nothing follows.
        void finished(FinishReason finish);

        /// The request failed. Nothing follows.
        void failed(Throwable cause);
    }

    private final int promptLength;
    private final int maxTokens;
    private final Sampler sampler;
    private final Optional<Constraint> constraint;
    private final Listener listener;
    private Optional<Sequence> sequence = Optional.empty();
    private int[] tokens;
    private int length;
    private int drawn;

    /// Tokens of the prompt that the listener has taken, the first one included.
    private int scored = 1;

    /// The first position of the current step whose logits are needed, and log probabilities of the prompt's tokens behind those.
    private int firstPredicted;

    private LogProbabilities[] promptScores = {};

    /// Whether a token was chosen to end the text of the constraint in time.
    private boolean shortened;

    /// Whether the current step ends with the next token.
    private boolean draws;

    private Optional<LogProbabilities> logProbabilities = Optional.empty();
    private boolean preempted;
    private volatile boolean cancelled;

    /// @param prompt at least one token
    /// @param maxTokens most tokens that are generated; none for a request that scores its prompt alone
    GenerationRequest(
            int[] prompt,
            int maxTokens,
            Sampler sampler,
            Optional<Constraint> constraint,
            Listener listener) {
        this.promptLength = prompt.length;
        this.maxTokens = maxTokens;
        this.tokens = prompt.clone();
        this.length = prompt.length;
        this.sampler = sampler;
        this.constraint = constraint;
        this.listener = listener;
        for (int id : prompt) {
            sampler.see(id);
        }
    }

    /// Marks it as cancelled. Any thread may; see [Scheduler#cancel(GenerationRequest)].
    void cancel() {
        cancelled = true;
    }

    boolean isCancelled() {
        return cancelled;
    }

    /// Whether it is paused because its listener takes no token.
    boolean isPaused() {
        return !cancelled && !listener.acceptsToken();
    }

    Listener listener() {
        return listener;
    }

    /// Ids of the prompt and of the generated tokens.
    int[] tokens() {
        return Arrays.copyOf(tokens, length);
    }

    boolean hasBegun() {
        return sequence.isPresent();
    }

    /// Positions that must be free before it begins: of its tokens and the next one; after a preemption, of all that it may
    /// generate, so that it is preempted once at most.
    int neededPositions() {
        return preempted ? promptLength + maxTokens : length + 1;
    }

    /// Begins.
    ///
    /// @param decoded a prefix of its tokens, which lacks one at least
    void begin(Sequence decoded) {
        sequence = Optional.of(decoded);
    }

    /// Ends it.
    ///
    /// @return its decoded tokens, for the caller to close; empty where it had not begun
    Optional<Sequence> end() {
        Optional<Sequence> decoded = sequence;
        sequence = Optional.empty();
        return decoded;
    }

    /// Frees its keys and values. When it begins again, its tokens are decoded again.
    void preempt() {
        end().ifPresent(Sequence::close);
        preempted = true;
    }

    /// Reserves positions for its tokens that are not decoded yet.
    ///
    /// @return whether there were enough; where not, nothing is changed
    boolean reserve() {
        Sequence decoded = sequence.orElseThrow();
        return decoded.reserve(length - decoded.length());
    }

    /// Whether all of the prompt was decoded.
    boolean isGenerating() {
        return length > promptLength;
    }

    /// Whether the beginning of its tokens may have been decoded for another request: not where the logits behind them are needed.
    boolean mayShareBeginning() {
        return !scoresPrompt();
    }

    private boolean scoresPrompt() {
        return listener.scoresPrompt() && !isGenerating();
    }

    /// Its next tokens to decode; positions for them are reserved.
    ///
    /// @param room most tokens
    /// @param predictions most tokens behind which logits may be needed, at least 1
    DecodeBatch.Step next(int room, int predictions) {
        Sequence decoded = sequence.orElseThrow();
        int from = decoded.length();
        firstPredicted = scoresPrompt() ? Math.max(from, scored - 1) : length - 1;
        int to = Math.min(Math.min(length, from + room), firstPredicted + predictions);
        int predicted = Math.max(0, to - firstPredicted);
        draws = to == length;
        promptScores = new LogProbabilities[draws ? predicted - 1 : predicted];
        return new DecodeBatch.Step(decoded, Arrays.copyOfRange(tokens, from, to), predicted);
    }

    /// Scores the next token of the prompt, or samples the next token. Any thread may, while nothing but this is called, for another
    /// prediction.
    ///
    /// @param prediction index among those of the step
    /// @param logits are changed when a token is sampled
    /// @param from index of the logit of id 0
    /// @param vocabulary number of logits
    void predict(int prediction, float[] logits, int from, int vocabulary) {
        if (prediction < promptScores.length) {
            promptScores[prediction] = LogProbabilities.view(logits, from, vocabulary);
            return;
        }
        logProbabilities =
                listener.needsLogProbabilities()
                        ? Optional.of(LogProbabilities.copyOf(logits, from, vocabulary))
                        : Optional.empty();
        drawn =
                constraint.isPresent()
                        ? choose(constraint.get(), logits, from, vocabulary)
                        : sampler.choose(logits, from, vocabulary);
    }

    /// Samples a token that may come next; another one where the text could not be ended in time behind that.
    private int choose(Constraint form, float[] logits, int from, int vocabulary) {
        int remaining = promptLength + maxTokens - length - 1;
        float[] untouched =
                form.hasRoom(remaining)
                        ? new float[0]
                        : Arrays.copyOfRange(logits, from, from + vocabulary);
        form.mask(logits, from, vocabulary, Integer.MAX_VALUE);
        int id = sampler.choose(logits, from, vocabulary);
        if (form.fits(id, remaining)) {
            return id;
        }
        shortened = true;
        form.mask(untouched, 0, vocabulary, remaining);
        return sampler.choose(untouched, 0, vocabulary);
    }

    /// Passes scored tokens of the prompt to the listener; then appends the sampled token, where there is one, and passes that.
    ///
    /// @return why the request ends; empty where it does not
    Optional<FinishReason> take() {
        for (LogProbabilities score : promptScores) {
            listener.promptToken(tokens[scored++], score);
        }
        if (!draws) {
            return Optional.empty();
        }
        if (maxTokens == 0) {
            return Optional.of(FinishReason.LENGTH);
        }
        sampler.see(drawn);
        append(drawn);
        constraint.ifPresent(form -> form.accept(drawn));
        boolean goesOn = listener.token(drawn, logProbabilities);
        if (!goesOn || constraint.filter(Constraint::hasEnded).isPresent()) {
            return Optional.of(shortened ? FinishReason.LENGTH : FinishReason.STOP);
        }
        return length == promptLength + maxTokens
                ? Optional.of(FinishReason.LENGTH)
                : Optional.empty();
    }

    private void append(int id) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.min(2 * length, promptLength + maxTokens));
        }
        tokens[length++] = id;
    }
}
