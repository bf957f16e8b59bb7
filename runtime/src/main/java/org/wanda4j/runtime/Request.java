package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.OptionalInt;
import org.wanda4j.runtime.Generation.Finish;

/// A text that the [Scheduler] goes on with.
///
/// All but [#cancel()] is the scheduler's thread's alone.
final class Request {

    /// Told of what happens to a request, by the scheduler's thread.
    interface Listener {

        /// Another token.
        ///
        /// @param logits what it was chosen from, from index `from` on; valid during the call
        /// @return whether to go on
        boolean token(int id, float[] logits, int from);

        /// The last of a request's events.
        void finished(Finish finish);

        /// The last of a request's events, where it failed.
        void failed(RuntimeException cause);
    }

    private final int[] prompt;
    private final int limit;
    private final Sampler sampler;
    private final Listener listener;
    private Sequence sequence;
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

    /// Ends it before its time. Any thread may.
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
        this.sequence = sequence;
    }

    void end() {
        sequence.close();
    }

    /// Its next tokens, at most `room`.
    Batch.Step next(int room) {
        if (last.isPresent()) {
            return new Batch.Step(sequence, new int[] {last.getAsInt()}, true);
        }
        int count = Math.min(room, prompt.length - prefilled);
        int[] tokens = Arrays.copyOfRange(prompt, prefilled, prefilled + count);
        prefilled += count;
        return new Batch.Step(sequence, tokens, prefilled == prompt.length);
    }

    /// Takes the token that follows.
    ///
    /// @return why it ends with that, or null where it goes on
    Finish choose(float[] logits, int from, int vocabulary) {
        int id = sampler.choose(logits, from, vocabulary);
        sampler.see(id);
        last = OptionalInt.of(id);
        generated++;
        if (!listener.token(id, logits, from)) {
            return Finish.STOP;
        }
        return generated == limit ? Finish.LENGTH : null;
    }
}
