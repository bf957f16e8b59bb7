package org.wanda4j.runtime;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// An answer that is being written, for one thread that reads it.
///
/// What was not read yet is kept, and no other text waits for the reader; the answer itself does where that becomes much: 131,072
/// pieces and tokens, those told beside each counted too. Closing ends an answer that is not complete.
public final class Answer implements AutoCloseable {

    private final Unread unread;
    private final Runnable cancel;
    private Optional<Supplier<Event>> last = Optional.empty();

    /// What happens to an answer: pieces, and in the end what came of it.
    public sealed interface Event permits Piece, Generation {}

    /// A part of the text.
    ///
    /// @param text empty where the tokens give none
    /// @param tokens that made it, where they were asked for
    public record Piece(String text, List<ScoredToken> tokens) implements Event {}

    /// @param unread its last event gives a [Generation], or throws
    Answer(Unread unread, Runnable cancel) {
        this.unread = unread;
        this.cancel = cancel;
    }

    /// Waits for what happens next. The last event is given again when asked for again. A thread that is interrupted ends
    /// the answer, and stays interrupted.
    ///
    /// @throws RuntimeException what the model failed with
    public Event next() {
        while (true) {
            Optional<Event> event = next(Duration.ofDays(1));
            if (event.isPresent()) {
                return event.get();
            }
        }
    }

    /// Waits for what happens next, but not longer than `patience`.
    ///
    /// @see #next()
    public Optional<Event> next(Duration patience) {
        if (last.isPresent()) {
            return last.map(Supplier::get);
        }
        Optional<Supplier<Event>> event = poll(patience);
        if (event.filter(Unread::isLast).isPresent()) {
            last = event;
        }
        return event.map(Supplier::get);
    }

    private Optional<Supplier<Event>> poll(Duration patience) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return unread.poll(patience);
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

    /// Ends it before its time; its last event still comes. Any thread may.
    public void cancel() {
        cancel.run();
    }

    @Override
    public void close() {
        cancel.run();
    }
}
