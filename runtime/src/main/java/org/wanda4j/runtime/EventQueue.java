package org.wanda4j.runtime;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.wanda4j.runtime.TokenStream.Chunk;
import org.wanda4j.runtime.TokenStream.Event;

/// The events of a generation that were not read yet, from the scheduler's thread to the reader's.
///
/// Adding never blocks; the scheduler does not decode a generation while its queue is full.
final class EventQueue {

    /// Objects of a full queue: chunks, tokens and alternatives. That is a text of 128k tokens without log probabilities, or 6,000
    /// tokens with 20 alternatives each.
    private static final long CAPACITY = 1 << 17;

    private final BlockingQueue<Supplier<Event>> events = new LinkedBlockingQueue<>();
    private final AtomicLong objects = new AtomicLong();
    private final Runnable onSpace;

    /// @param onSpace called by the reader's thread when the queue was full and is not any more
    EventQueue(Runnable onSpace) {
        this.onSpace = onSpace;
    }

    private record QueuedChunk(Chunk chunk, long objects) implements Supplier<Event> {

        @Override
        public Event get() {
            return chunk;
        }
    }

    void add(Chunk chunk) {
        long size =
                1
                        + chunk.tokens().stream()
                                .mapToLong(token -> 1 + token.alternatives().size())
                                .sum();
        objects.addAndGet(size);
        events.add(new QueuedChunk(chunk, size));
    }

    /// @param last gives the [Generation], or throws
    void addLast(Supplier<Event> last) {
        events.add(last);
    }

    boolean isFull() {
        return objects.get() >= CAPACITY;
    }

    /// Waits for the next event, at most for `timeout`.
    Optional<Supplier<Event>> poll(Duration timeout) throws InterruptedException {
        Supplier<Event> event = events.poll(timeout.toNanos(), TimeUnit.NANOSECONDS);
        if (event instanceof QueuedChunk queued) {
            long before = objects.getAndAdd(-queued.objects());
            if (before >= CAPACITY && before - queued.objects() < CAPACITY) {
                onSpace.run();
            }
        }
        return Optional.ofNullable(event);
    }

    static boolean isLast(Supplier<Event> event) {
        return !(event instanceof QueuedChunk);
    }
}
