package org.wanda4j.runtime;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import org.wanda4j.model.Architecture;

/// Memory for keys and values, in pages of a few positions of all blocks, bf16, off the heap.
///
/// Pages that a [Sequence] gives back are used again; the memory is freed when the pool closes. Threads may share it.
final class CachePool implements AutoCloseable {

    /// Positions of a page.
    static final int POSITIONS = 32;

    private static final int BYTES = Short.BYTES;

    private final Arena memory = Arena.ofShared();
    private final Deque<MemorySegment> free = new ArrayDeque<>();
    private final long[] blockStarts;
    private final long pageBytes;
    private long taken;

    CachePool(Architecture architecture) {
        blockStarts = new long[architecture.blocks().size()];
        long at = 0;
        for (int i = 0; i < blockStarts.length; i++) {
            blockStarts[i] = at / BYTES;
            var attention = architecture.blocks().get(i).attention();
            at += 2L * POSITIONS * attention.keyValueHeads() * attention.headSize() * BYTES;
        }
        pageBytes = at;
    }

    /// The first position of the page behind the one that `position` is in.
    static int nextPage(int position) {
        return (position / POSITIONS + 1) * POSITIONS;
    }

    synchronized MemorySegment take() {
        MemorySegment page = free.isEmpty() ? memory.allocate(pageBytes, Long.SIZE) : free.pop();
        taken++;
        return page;
    }

    synchronized void giveBack(MemorySegment page) {
        free.push(page);
        taken--;
    }

    /// Bytes of the pages that were taken and not given back.
    synchronized long takenBytes() {
        return taken * pageBytes;
    }

    /// Where the keys of a head start in a page, in values; each position's follow one another.
    long keys(int block, int head, int headSize) {
        return blockStarts[block] + (long) head * POSITIONS * headSize;
    }

    /// Where the values of a head start in a page, in values.
    long values(int block, int head, int heads, int headSize) {
        return keys(block, heads + head, headSize);
    }

    @Override
    public void close() {
        memory.close();
    }
}
