package org.wanda4j.runtime.internal.decode;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;

/// Memory for keys and values in bf16, off the heap, in pages of [#POSITIONS] positions of all blocks, up to a limit. Thread-safe.
///
/// Pages come from slabs. The first slab has one page and each further one as many as all before, up to a size that the C library
/// returns to the system when it is freed: the pool holds at most about twice the memory that was in use at once. A slab is freed when
/// its last page is returned.
public final class CachePool implements AutoCloseable {

    /// Positions in a page.
    public static final int POSITIONS = 32;

    private static final int BYTES = Short.BYTES;

    /// Bytes. glibc may keep freed memory in pieces of up to 32 MiB.
    private static final long LARGE_SLAB = 33L << 20;

    private final List<Slab> slabs = new ArrayList<>();
    private final long[] starts;
    private final long pageBytes;
    private final long mostPages;
    private long taken;

    /// @param memory keys and values of [#POSITIONS] positions of all blocks
    record Page(MemorySegment memory, Slab slab) {}

    /// Pages that are allocated and freed together.
    private static final class Slab {

        private final Arena arena = Arena.ofShared();
        private final Deque<Page> free = new ArrayDeque<>();
        private final long pages;

        Slab(long pages, long pageBytes) {
            this.pages = pages;
            try {
                MemorySegment memory = arena.allocate(pages * pageBytes, Long.SIZE);
                for (long i = 0; i < pages; i++) {
                    free.add(new Page(memory.asSlice(i * pageBytes, pageBytes), this));
                }
            } catch (OutOfMemoryError e) {
                arena.close();
                throw e;
            }
        }
    }

    /// @param mostBytes limit for all pages
    CachePool(Architecture architecture, long mostBytes) {
        List<Attention> attentions =
                architecture.blocks().stream().flatMap(Block::attentions).toList();
        starts = new long[attentions.size()];
        long at = 0;
        for (int i = 0; i < starts.length; i++) {
            starts[i] = at / BYTES;
            Attention attention = attentions.get(i);
            at += 2L * POSITIONS * attention.keyValueHeads() * attention.headSize() * BYTES;
        }
        pageBytes = at;
        mostPages = mostBytes / pageBytes;
    }

    /// First position of the page behind that of `position`.
    static int nextPage(int position) {
        return (position / POSITIONS + 1) * POSITIONS;
    }

    /// Number of pages for a number of positions.
    public static int pages(int positions) {
        return Math.ceilDiv(positions, POSITIONS);
    }

    /// Most positions of a sequence that is alone.
    public int mostPositions() {
        return (int) Math.min(mostPages, Integer.MAX_VALUE / POSITIONS) * POSITIONS;
    }

    /// Takes a page; empty where the limit is reached, or the system has no memory.
    synchronized Optional<Page> take() {
        if (taken == mostPages) {
            return Optional.empty();
        }
        try {
            Optional<Slab> slab = slabs.stream().filter(each -> !each.free.isEmpty()).findFirst();
            Page page = slab.orElseGet(this::addSlab).free.remove();
            taken++;
            return Optional.of(page);
        } catch (OutOfMemoryError e) {
            return Optional.empty();
        }
    }

    private Slab addSlab() {
        long held = heldPages();
        long large = Math.max(1, LARGE_SLAB / pageBytes);
        var slab = new Slab(Math.clamp(held, 1, Math.min(large, mostPages - held)), pageBytes);
        slabs.add(slab);
        return slab;
    }

    synchronized void giveBack(Page page) {
        Slab slab = page.slab();
        slab.free.add(page);
        taken--;
        if (slab.free.size() == slab.pages) {
            slabs.remove(slab);
            slab.arena.close();
        }
    }

    /// Number of pages that can be taken.
    public synchronized long freePages() {
        return mostPages - taken;
    }

    /// Bytes of the pages in use.
    public synchronized long takenBytes() {
        return taken * pageBytes;
    }

    /// Bytes of all slabs, pages that are not in use included.
    synchronized long heldBytes() {
        return heldPages() * pageBytes;
    }

    private long heldPages() {
        return slabs.stream().mapToLong(slab -> slab.pages).sum();
    }

    /// Most bytes of all pages.
    public long mostBytes() {
        return mostPages * pageBytes;
    }

    /// Bytes of a page.
    public long pageBytes() {
        return pageBytes;
    }

    /// Offset of a head's keys in a page, in values: [#POSITIONS] x head size.
    ///
    /// @param attention number of the attention, counted through all blocks
    long keys(int attention, int head, int headSize) {
        return starts[attention] + (long) head * POSITIONS * headSize;
    }

    /// Offset of a head's values in a page, in values: [#POSITIONS] x head size.
    long values(int attention, int head, int heads, int headSize) {
        return keys(attention, heads + head, headSize);
    }

    @Override
    public synchronized void close() {
        slabs.forEach(slab -> slab.arena.close());
        slabs.clear();
    }
}
