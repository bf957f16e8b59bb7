package org.wanda4j.runtime;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.Optional;

/// Texts that ended and were decoded, for prompts that begin like them: the next turn of a conversation holds all turns
/// before. Their memory is the first that others get.
final class KeptTexts implements AutoCloseable {

    private final int limit;
    private final Deque<Text> texts = new ArrayDeque<>();

    private record Text(int[] tokens, Sequence decoded) {

        /// How many tokens a prompt begins with that are decoded here; its last one never counts, for what follows it is
        /// asked.
        int common(int[] prompt) {
            int most = Math.min(decoded.length(), prompt.length - 1);
            int differs = Arrays.mismatch(tokens, 0, most, prompt, 0, most);
            return differs < 0 ? most : differs;
        }
    }

    /// @param limit how many texts are kept; the oldest go
    KeptTexts(int limit) {
        this.limit = limit;
    }

    /// What is decoded of a prompt. A text that the prompt goes on with is taken, one that begins like it copied, or taken
    /// as far as they agree where there is no room for a copy.
    Optional<Sequence> find(int[] prompt) {
        Optional<Text> longest =
                texts.stream()
                        .max(Comparator.comparingInt(text -> text.common(prompt)))
                        .filter(text -> text.common(prompt) > 0);
        return longest.map(text -> {
            int common = text.common(prompt);
            Optional<Sequence> copy =
                    common < text.decoded().length()
                            ? text.decoded().copy(common)
                            : Optional.empty();
            return copy.orElseGet(() -> take(text, common));
        });
    }

    private Sequence take(Text text, int length) {
        texts.remove(text);
        text.decoded().truncate(length);
        return text.decoded();
    }

    /// Keeps a text.
    ///
    /// @param decoded is this one's now
    void keep(int[] tokens, Sequence decoded) {
        if (decoded.length() == 0) {
            decoded.close();
            return;
        }
        texts.addLast(new Text(tokens, decoded));
        while (texts.size() > limit) {
            dropOldest();
        }
    }

    /// Gives the memory of the oldest text back.
    ///
    /// @return whether there was one
    boolean dropOldest() {
        Optional<Text> oldest = Optional.ofNullable(texts.pollFirst());
        oldest.ifPresent(text -> text.decoded().close());
        return oldest.isPresent();
    }

    /// Pages of all texts.
    long pages() {
        return texts.stream().mapToLong(text -> text.decoded().pages()).sum();
    }

    @Override
    public void close() {
        texts.forEach(text -> text.decoded().close());
        texts.clear();
    }
}
