package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.Optional;
import org.wanda4j.runtime.Generation.Finish;

/// A text that the [Scheduler] goes on with.
///
/// All but [#cancel()] and [#draw] is the scheduler's thread's alone.
final class Request {

    /// Told of what happens to a request, by the scheduler's thread, which waits meanwhile.
    interface Listener {

        /// Whether [#token] is to know how likely tokens were.
        boolean wantsLikelihoods();

        /// Whether it can take a token now; the request waits where it cannot.
        default boolean isReady() {
            return true;
        }

        /// Another token.
        ///
        /// @return whether to go on
        boolean token(int id, Optional<Likelihoods> likelihoods);

        /// The last of a request's events.
        void finished(Finish finish);

        /// The last of a request's events, where it failed.
        void failed(Throwable cause);
    }

    private final int prompt;
    private final int limit;
    private final Sampler sampler;
    private final Listener listener;
    private Optional<Sequence> sequence = Optional.empty();
    private int[] tokens;
    private int length;
    private int drawn;
    private Optional<Likelihoods> likelihoods = Optional.empty();
    private boolean paused;
    private volatile boolean cancelled;

    /// @param prompt at least one token
    /// @param limit largest number of tokens of the answer
    Request(int[] prompt, int limit, Sampler sampler, Listener listener) {
        this.prompt = prompt.length;
        this.limit = limit;
        this.tokens = prompt.clone();
        this.length = prompt.length;
        this.sampler = sampler;
        this.listener = listener;
        for (int id : prompt) {
            sampler.see(id);
        }
    }

    /// Has it end before its time. Any thread may; see [Scheduler#cancel(Request)].
    void cancel() {
        cancelled = true;
    }

    boolean isCancelled() {
        return cancelled;
    }

    /// Whether it waits for its listener.
    boolean waits() {
        return !cancelled && !listener.isReady();
    }

    Listener listener() {
        return listener;
    }

    /// Its prompt, and what was answered.
    int[] text() {
        return Arrays.copyOf(tokens, length);
    }

    boolean hasBegun() {
        return sequence.isPresent();
    }

    /// Positions that must be free before it begins: those of its text and the next token; once it had to give way, those of
    /// the longest answer, so that it does not have to again and again.
    int wants() {
        return paused ? prompt + limit : length + 1;
    }

    /// Begins with what was decoded of it already: less than its text.
    void begin(Sequence decoded) {
        sequence = Optional.of(decoded);
    }

    /// Ends it.
    ///
    /// @return what was decoded of it, which is the caller's to close; empty where it had not begun
    Optional<Sequence> end() {
        Optional<Sequence> decoded = sequence;
        sequence = Optional.empty();
        return decoded;
    }

    /// Ends for now: what was decoded of it is given up, and decoded again when it begins again.
    void pause() {
        end().ifPresent(Sequence::close);
        paused = true;
    }

    /// Whether there is room for all of its text that is not decoded yet: where there was not, nothing has changed.
    boolean reserve() {
        Sequence decoded = sequence.orElseThrow();
        return decoded.reserve(length - decoded.length());
    }

    /// Whether all of the prompt was decoded.
    boolean answers() {
        return length > prompt;
    }

    /// Its next tokens, at most `room`, for which there is memory.
    Batch.Step next(int room) {
        Sequence decoded = sequence.orElseThrow();
        int to = Math.min(length, decoded.length() + room);
        int[] next = Arrays.copyOfRange(tokens, decoded.length(), to);
        return new Batch.Step(decoded, next, to == length);
    }

    /// Chooses the token that follows. Any thread may, while no other method is called.
    void draw(float[] logits, int from, int vocabulary) {
        likelihoods =
                listener.wantsLikelihoods()
                        ? Optional.of(new Likelihoods(logits, from, vocabulary))
                        : Optional.empty();
        drawn = sampler.choose(logits, from, vocabulary);
    }

    /// Takes the token that was drawn.
    ///
    /// @return why it ends with that; empty where it goes on
    Optional<Finish> take() {
        sampler.see(drawn);
        append(drawn);
        if (!listener.token(drawn, likelihoods)) {
            return Optional.of(Finish.STOP);
        }
        return length == prompt + limit ? Optional.of(Finish.LENGTH) : Optional.empty();
    }

    private void append(int id) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, Math.min(2 * length, prompt + limit));
        }
        tokens[length++] = id;
    }
}
