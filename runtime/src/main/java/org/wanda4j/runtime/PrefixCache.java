package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Predicate;
import org.wanda4j.runtime.internal.decode.Sequence;

/// Keys and values of requests that ended, for prompts that share a prefix with them: the next turn of a conversation begins with all
/// turns before. Entries are dropped, oldest first, when running requests need their memory.
final class PrefixCache implements AutoCloseable {

    private final int limit;
    private final Deque<Entry> entries = new ArrayDeque<>();

    private record Entry(int[] tokens, Sequence decoded) {

        /// Length of the prefix that a prompt shares with this, in tokens; less than the prompt, as logits of its last token
        /// are needed.
        int shared(int[] prompt) {
            int most = Math.min(decoded.length(), prompt.length - 1);
            int differs = Arrays.mismatch(tokens, 0, most, prompt, 0, most);
            return differs < 0 ? most : differs;
        }
    }

    /// @param limit most entries; the oldest are dropped
    PrefixCache(int limit) {
        this.limit = limit;
    }

    /// The longest decoded prefix of a prompt. An entry that the prompt continues is taken out; of any other the shared prefix is
    /// copied, or, where there is no memory for a copy, the entry is taken out and truncated.
    ///
    /// @param fits whether a sequence may be continued by the prompt
    Optional<Sequence> find(int[] prompt, Predicate<Sequence> fits) {
        Optional<Entry> longest =
                entries.stream()
                        .filter(entry -> fits.test(entry.decoded()))
                        .max(Comparator.comparingInt(entry -> entry.shared(prompt)))
                        .filter(entry -> entry.shared(prompt) > 0);
        return longest.map(entry -> {
            int shared = entry.shared(prompt);
            Optional<Sequence> copy =
                    shared < entry.decoded().length()
                            ? entry.decoded().copy(shared)
                            : Optional.empty();
            return copy.orElseGet(() -> take(entry, shared));
        });
    }

    private Sequence take(Entry entry, int length) {
        entries.remove(entry);
        entry.decoded().truncate(length);
        return entry.decoded();
    }

    /// Adds an entry.
    ///
    /// @param decoded is closed by this cache
    void add(int[] tokens, Sequence decoded) {
        if (decoded.length() == 0) {
            decoded.close();
            return;
        }
        entries.addLast(new Entry(tokens, decoded));
        while (entries.size() > limit) {
            dropOldest();
        }
    }

    /// Drops the oldest entry.
    ///
    /// @return whether there was one
    boolean dropOldest() {
        Optional<Entry> oldest = Optional.ofNullable(entries.pollFirst());
        oldest.ifPresent(entry -> entry.decoded().close());
        return oldest.isPresent();
    }

    /// Pages of all entries.
    long pages() {
        return entries.stream().mapToLong(entry -> entry.decoded().pages()).sum();
    }

    @Override
    public void close() {
        entries.forEach(entry -> entry.decoded().close());
        entries.clear();
    }
}
