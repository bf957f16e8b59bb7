package org.wanda4j.runtime;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// A text that is being decoded: what its tokens left in the cache.
public final class Sequence implements AutoCloseable {

    private final CachePool pool;
    private final List<MemorySegment> pages = new ArrayList<>();
    private int length;

    Sequence(CachePool pool) {
        this.pool = pool;
    }

    /// Tokens that were decoded.
    public int length() {
        return length;
    }

    /// Forgets all tokens from position `length` on.
    public void truncate(int length) {
        this.length = Math.min(this.length, length);
        int needed = Math.ceilDiv(this.length, CachePool.POSITIONS);
        while (pages.size() > needed) {
            pool.giveBack(pages.removeLast());
        }
    }

    /// Another text that begins with the first `length` tokens of this one.
    Sequence copy(int length) {
        var copy = new Sequence(pool);
        copy.reserve(length);
        for (int i = 0; i < copy.pages.size(); i++) {
            copy.pages.get(i).copyFrom(pages.get(i));
        }
        copy.append(length);
        return copy;
    }

    /// Makes room for `count` more positions.
    void reserve(int count) {
        while (pages.size() * CachePool.POSITIONS < length + count) {
            pages.add(pool.take());
        }
    }

    void append(int count) {
        length += count;
    }

    /// Address of the page that `position` is in.
    long page(int position) {
        return pages.get(position / CachePool.POSITIONS).address();
    }

    @Override
    public void close() {
        truncate(0);
    }
}
