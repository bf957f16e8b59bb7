package org.wanda4j.runtime.internal.decode;

import java.util.ArrayList;
import java.util.Optional;

/// Keys and values of the decoded tokens of one text, in pages of a [CachePool].
public final class Sequence implements AutoCloseable {

    private final CachePool pool;
    private final ArrayList<CachePool.Page> pages = new ArrayList<>();
    private int length;
    private int reserved;

    Sequence(CachePool pool) {
        this.pool = pool;
    }

    /// Number of decoded tokens.
    public int length() {
        return length;
    }

    /// Positions that were reserved: how long the text is as far as is known.
    int reserved() {
        return reserved;
    }

    /// Drops the tokens from position `length` on.
    public void truncate(int length) {
        this.length = Math.min(this.length, length);
        reserved = this.length;
        keepPages(CachePool.pages(this.length));
    }

    private void keepPages(int count) {
        while (pages.size() > count) {
            pool.giveBack(pages.removeLast());
        }
    }

    /// Copies the first `length` tokens; empty where the pool has no memory for them.
    public Optional<Sequence> copy(int length) {
        var copy = new Sequence(pool);
        if (!copy.reserve(length)) {
            return Optional.empty();
        }
        for (int i = 0; i < copy.pages.size(); i++) {
            copy.pages.get(i).memory().copyFrom(pages.get(i).memory());
        }
        copy.append(length);
        return Optional.of(copy);
    }

    /// Takes pages for `count` more positions.
    ///
    /// @return whether the pool had enough; where not, nothing is changed
    public boolean reserve(int count) {
        int before = pages.size();
        int needed = CachePool.pages(length + count);
        pages.ensureCapacity(needed);
        while (pages.size() < needed) {
            Optional<CachePool.Page> page = pool.take();
            if (page.isEmpty()) {
                keepPages(before);
                return false;
            }
            pages.add(page.get());
        }
        reserved = Math.max(reserved, length + count);
        return true;
    }

    void append(int count) {
        length += count;
    }

    /// Number of pages.
    public int pages() {
        return pages.size();
    }

    /// Address of the page of `position`.
    long page(int position) {
        return pages.get(position / CachePool.POSITIONS).memory().address();
    }

    @Override
    public void close() {
        truncate(0);
    }
}
