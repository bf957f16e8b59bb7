package org.wanda4j.runtime;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.wanda4j.runtime.Answer.Event;
import org.wanda4j.runtime.Answer.Piece;

/// What happened to an answer and was not read yet, between the thread that decodes and the one that reads.
///
/// It takes everything; a text whose reader is far behind is not gone on with until the reader has caught up.
final class Unread {

    /// So many objects: pieces, tokens that are told, and others beside them. A text without those of a model of 128k context;
    /// 6,000 tokens with twenty others each.
    private static final long FAR = 1 << 17;

    private final BlockingQueue<Supplier<Event>> events = new LinkedBlockingQueue<>();
    private final AtomicLong objects = new AtomicLong();
    private final Runnable caughtUp;

    /// @param caughtUp told when the reader was far behind and is not any more, by the reader's thread
    Unread(Runnable caughtUp) {
        this.caughtUp = caughtUp;
    }

    /// A piece, as it waits for the reader.
    private record Given(Piece piece, long objects) implements Supplier<Event> {

        @Override
        public Event get() {
            return piece;
        }
    }

    void add(Piece piece) {
        long size =
                1
                        + piece.tokens().stream()
                                .mapToLong(token -> 1 + token.alternatives().size())
                                .sum();
        objects.addAndGet(size);
        events.add(new Given(piece, size));
    }

    /// @param last gives what came of the answer, or throws
    void addLast(Supplier<Event> last) {
        events.add(last);
    }

    boolean isFarBehind() {
        return objects.get() >= FAR;
    }

    /// Waits for what happened next, but not longer than `patience`.
    Optional<Supplier<Event>> poll(Duration patience) throws InterruptedException {
        Supplier<Event> event = events.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
        if (event instanceof Given given) {
            long before = objects.getAndAdd(-given.objects());
            if (before >= FAR && before - given.objects() < FAR) {
                caughtUp.run();
            }
        }
        return Optional.ofNullable(event);
    }

    static boolean isLast(Supplier<Event> event) {
        return !(event instanceof Given);
    }
}
