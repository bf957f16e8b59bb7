package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.wanda4j.runtime.EventQueue.Unread;
import org.wanda4j.runtime.TokenStream.Chunk;
import org.wanda4j.runtime.TokenStream.Event;

/// What is kept for readers who are slow, or do not read at all.
class EventQueueTest {

    private static final Chunk CHUNK = new Chunk("a", List.of());

    @Test
    void manySlowReadersKeepWithinOneLimitAndAQuickOneIsNotKeptWaiting() throws Exception {
        var unread = new Unread(10_000);
        List<EventQueue> slow = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            var queue = new EventQueue(unread, () -> {});
            fill(queue);
            slow.add(queue);
        }
        assertTrue(unread.objects() <= 11_000, unread.objects() + " objects");
        var quick = new EventQueue(unread, () -> {});
        for (int i = 0; i < 100; i++) {
            assertFalse(quick.isFull());
            quick.add(CHUNK);
            assertEquals(CHUNK, read(quick));
        }
        slow.forEach(EventQueue::close);
        assertEquals(0, unread.objects());
    }

    @Test
    void aReaderWhoIsAloneMayBeFarBehind() {
        var unread = new Unread(8 << 17 << 1);
        var queue = new EventQueue(unread, () -> {});
        fill(queue);
        assertEquals(1 << 17, unread.objects());
    }

    @Test
    void whoWaitedForSpaceIsTold() throws Exception {
        var told = new AtomicInteger();
        var unread = new Unread(160);
        var queue = new EventQueue(unread, told::incrementAndGet);
        fill(queue);
        var other = new EventQueue(unread, () -> {});
        fill(other);
        while (told.get() == 0) {
            assertEquals(CHUNK, read(queue));
        }
        assertFalse(queue.isFull());
        assertEquals(1, told.get());
    }

    @Test
    void whatComesBehindTheEndOfAReaderIsDroppedButForTheLastEvent() throws Exception {
        var unread = new Unread(1000);
        var queue = new EventQueue(unread, () -> {});
        queue.add(CHUNK);
        queue.close();
        queue.add(CHUNK);
        assertEquals(0, unread.objects());
        var generation = new Generation("", 1, 0, Generation.FinishReason.CANCELLED, 0, 0);
        queue.addLast(() -> generation);
        queue.close();
        assertEquals(generation, read(queue));
    }

    private static void fill(EventQueue queue) {
        while (!queue.isFull()) {
            queue.add(CHUNK);
        }
    }

    private static Event read(EventQueue queue) throws InterruptedException {
        return queue.poll(Duration.ofSeconds(60)).map(Supplier::get).orElseThrow();
    }
}
