package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import org.wanda4j.runtime.Generation.Finish;

/// A text that the [Scheduler] goes on with.
///
/// All but [#cancel()] is the scheduler's thread's alone.
final class Request {

    /// Told of what happens to a request, by the scheduler's thread, which waits meanwhile.
    interface Listener {

        /// Whether [#token] is to know how likely tokens were.
        boolean wantsLikelihoods();

        /// Another token.
        ///
        /// @return whether to go on
        boolean token(int id, Optional<Likelihoods> likelihoods);

        /// The last of a request's events.
        void finished(Finish finish);

        /// The last of a request's events, where it failed.
        void failed(Throwable cause);
    }

    private final int[] prompt;
    private final int limit;
    private final Sampler sampler;
    private final Listener listener;
    private Optional<Sequence> sequence = Optional.empty();
    private int prefilled;
    private int generated;
    private OptionalInt last = OptionalInt.empty();
    private volatile boolean cancelled;

    /// @param prompt at least one token
    /// @param limit largest number of tokens of the answer
    Request(int[] prompt, int limit, Sampler sampler, Listener listener) {
        this.prompt = prompt;
        this.limit = limit;
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

    Listener listener() {
        return listener;
    }

    void begin(Sequence sequence) {
        this.sequence = Optional.of(sequence);
    }

    void end() {
        sequence.ifPresent(Sequence::close);
    }

    /// Whether all of the prompt was decoded.
    boolean answers() {
        return last.isPresent();
    }

    /// Its next tokens, at most `room`, with memory for them.
    Batch.Step next(int room) {
        int[] tokens =
                last.isPresent()
                        ? new int[] {last.getAsInt()}
                        : Arrays.copyOfRange(
                                prompt, prefilled, Math.min(prompt.length, prefilled + room));
        sequence.orElseThrow().reserve(tokens.length);
        prefilled += last.isPresent() ? 0 : tokens.length;
        return new Batch.Step(sequence.orElseThrow(), tokens, prefilled == prompt.length);
    }

    /// Takes the token that follows.
    ///
    /// @return why it ends with that; empty where it goes on
    Optional<Finish> choose(float[] logits, int from, int vocabulary) {
        Optional<Likelihoods> likelihoods =
                listener.wantsLikelihoods()
                        ? Optional.of(new Likelihoods(logits, from, vocabulary))
                        : Optional.empty();
        int id = sampler.choose(logits, from, vocabulary);
        sampler.see(id);
        last = OptionalInt.of(id);
        generated++;
        if (!listener.token(id, likelihoods)) {
            return Optional.of(Finish.STOP);
        }
        return generated == limit ? Optional.of(Finish.LENGTH) : Optional.empty();
    }
}
