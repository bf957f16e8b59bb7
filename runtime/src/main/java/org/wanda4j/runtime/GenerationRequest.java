package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.Optional;
import org.wanda4j.runtime.Generation.FinishReason;
import org.wanda4j.runtime.internal.decode.DecodeBatch;
import org.wanda4j.runtime.internal.decode.Sequence;

/// A prompt and the tokens generated so far. Confined to the [Scheduler]'s thread, but for [#cancel()] and [#draw].
final class GenerationRequest {

    /// Receives the tokens of a request, on the scheduler's thread.
    interface Listener {

        /// Whether [#token] is to get log probabilities.
        boolean needsLogProbabilities();

        /// Whether it can take a token now; where not, the request pauses.
        default boolean acceptsToken() {
            return true;
        }

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
    private final Listener listener;
    private Optional<Sequence> sequence = Optional.empty();
    private int[] tokens;
    private int length;
    private int drawn;
    private Optional<LogProbabilities> logProbabilities = Optional.empty();
    private boolean preempted;
    private volatile boolean cancelled;

    /// @param prompt at least one token
    /// @param maxTokens most tokens that are generated
    GenerationRequest(int[] prompt, int maxTokens, Sampler sampler, Listener listener) {
        this.promptLength = prompt.length;
        this.maxTokens = maxTokens;
        this.tokens = prompt.clone();
        this.length = prompt.length;
        this.sampler = sampler;
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

    /// Its next tokens to decode, at most `room`; positions for them are reserved.
    DecodeBatch.Step next(int room) {
        Sequence decoded = sequence.orElseThrow();
        int to = Math.min(length, decoded.length() + room);
        int[] next = Arrays.copyOfRange(tokens, decoded.length(), to);
        return new DecodeBatch.Step(decoded, next, to == length);
    }

    /// Samples the next token. Any thread may, while no other method is called.
    ///
    /// @param logits are changed by a penalty
    /// @param from index of the logit of id 0
    /// @param vocabulary number of logits
    void draw(float[] logits, int from, int vocabulary) {
        logProbabilities =
                listener.needsLogProbabilities()
                        ? Optional.of(new LogProbabilities(logits, from, vocabulary))
                        : Optional.empty();
        drawn = sampler.choose(logits, from, vocabulary);
    }

    /// Appends the sampled token, and passes it to the listener.
    ///
    /// @return why the request ends; empty where it does not
    Optional<FinishReason> take() {
        sampler.see(drawn);
        append(drawn);
        if (!listener.token(drawn, logProbabilities)) {
            return Optional.of(FinishReason.STOP);
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
