package org.wanda4j.runtime;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// A generation in progress, read by one thread.
///
/// Events that were not read yet are queued. A generation whose queue holds 131,072 objects (chunks, tokens and alternatives) pauses
/// until its reader has caught up; others are not affected. With many unread, less is enough: all queues of a model keep within a
/// quarter of the heap. Closing cancels a generation that has not ended, and drops what was not read.
public final class TokenStream implements AutoCloseable {

    private final EventQueue queue;
    private final Runnable cancel;
    private Optional<Supplier<Event>> last = Optional.empty();

    /// What a generation yields: chunks, then one [Generation].
    public sealed interface Event permits Chunk, Generation {}

    /// The text of one or more tokens.
    ///
    /// @param text empty where the tokens add none
    /// @param tokens with their log probabilities; empty where those were not requested
    public record Chunk(String text, List<ScoredToken> tokens) implements Event {}

    /// @param queue its last event gives a [Generation], or throws
    TokenStream(EventQueue queue, Runnable cancel) {
        this.queue = queue;
        this.cancel = cancel;
    }

    /// Waits for the next event. After the last one, returns that again. Interrupting the thread cancels the generation; the
    /// thread stays interrupted.
    ///
    /// @throws RuntimeException where the generation failed
    public Event next() {
        while (true) {
            Optional<Event> event = next(Duration.ofDays(1));
            if (event.isPresent()) {
                return event.get();
            }
        }
    }

    /// Waits for the next event, at most for `timeout`.
    ///
    /// @see #next()
    public Optional<Event> next(Duration timeout) {
        if (last.isPresent()) {
            return last.map(Supplier::get);
        }
        Optional<Supplier<Event>> event = poll(timeout);
        if (event.filter(EventQueue::isLast).isPresent()) {
            last = event;
        }
        return event.map(Supplier::get);
    }

    private Optional<Supplier<Event>> poll(Duration timeout) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return queue.poll(timeout);
                } catch (InterruptedException e) {
                    interrupted = true;
                    cancel.run();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /// Cancels the generation; its last event still comes. Any thread may.
    public void cancel() {
        cancel.run();
    }

    @Override
    public void close() {
        cancel.run();
        queue.close();
    }
}
