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
    private final Unread unread;
    private final Runnable onSpace;

    /// Whether the scheduler has found it full and was not told of space since.
    private volatile boolean waits;

    private volatile boolean closed;

    /// What the queues of a model hold together. Each may hold an eighth of what is left: many slow readers get little each, a quick
    /// one always enough, and the sum keeps within its limit.
    static final class Unread {

        private static final int HEAP_SHARE = 4;
        private static final int BYTES = 128; // of an object, about
        private static final int QUEUE_SHARE = 8;

        private final long most;
        private final AtomicLong objects = new AtomicLong();

        /// @param most objects
        Unread(long most) {
            this.most = most;
        }

        /// A quarter of the heap.
        static Unread ofHeap() {
            return new Unread(Runtime.getRuntime().maxMemory() / HEAP_SHARE / BYTES);
        }

        long objects() {
            return objects.get();
        }

        private long mostOfAQueue() {
            return Math.clamp((most - objects.get()) / QUEUE_SHARE, 1, CAPACITY);
        }
    }

    /// @param unread shared by all queues of a model
    /// @param onSpace called by the reader's thread when the queue was full and is not any more
    EventQueue(Unread unread, Runnable onSpace) {
        this.unread = unread;
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
        unread.objects.addAndGet(size);
        events.add(new QueuedChunk(chunk, size));
        if (closed) {
            drop();
        }
    }

    /// @param last gives the [Generation], or throws
    void addLast(Supplier<Event> last) {
        events.add(last);
    }

    boolean isFull() {
        waits = true; // before it looks: what is read from here on brings a call of onSpace
        waits = objects.get() >= unread.mostOfAQueue();
        return waits;
    }

    /// Waits for the next event, at most for `timeout`.
    Optional<Supplier<Event>> poll(Duration timeout) throws InterruptedException {
        Supplier<Event> event = events.poll(timeout.toNanos(), TimeUnit.NANOSECONDS);
        if (event instanceof QueuedChunk queued) {
            remove(queued);
            if (waits && objects.get() < unread.mostOfAQueue()) {
                waits = false;
                onSpace.run();
            }
        }
        return Optional.ofNullable(event);
    }

    private void remove(QueuedChunk chunk) {
        objects.addAndGet(-chunk.objects());
        unread.objects.addAndGet(-chunk.objects());
    }

    /// Drops the chunks that were not read, and those that are still added: nobody will read them.
    void close() {
        closed = true;
        drop();
    }

    private void drop() {
        Supplier<Event> event = events.poll();
        while (event instanceof QueuedChunk chunk) {
            remove(chunk);
            event = events.poll();
        }
        if (event != null) {
            events.add(event); // the last one
        }
    }

    static boolean isLast(Supplier<Event> event) {
        return !(event instanceof QueuedChunk);
    }
}
