package org.wanda4j.runtime;

import java.util.ArrayList;
import java.util.Optional;

/// A text that is being decoded: what its tokens left in the cache.
public final class Sequence implements AutoCloseable {

    private final CachePool pool;
    private final ArrayList<CachePool.Page> pages = new ArrayList<>();
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
        keepPages(CachePool.pages(this.length));
    }

    private void keepPages(int count) {
        while (pages.size() > count) {
            pool.giveBack(pages.removeLast());
        }
    }

    /// Another text that begins with the first `length` tokens of this one; empty where there is no room for it.
    Optional<Sequence> copy(int length) {
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

    /// Makes room for `count` more positions.
    ///
    /// @return whether there was any; where not, nothing is changed
    boolean reserve(int count) {
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
        return true;
    }

    void append(int count) {
        length += count;
    }

    /// How many pages it has.
    int pages() {
        return pages.size();
    }

    /// Address of the page that `position` is in.
    long page(int position) {
        return pages.get(position / CachePool.POSITIONS).memory().address();
    }

    @Override
    public void close() {
        truncate(0);
    }
}
