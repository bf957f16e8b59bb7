package org.wanda4j.text;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.InvalidInputException;

/// Runs of `seqlen` tokens each.
///
/// @param seqlen tokens of a window, at least 1
/// @param ids of each window, `seqlen` long; shared, not copied
public record Windows(int seqlen, List<int[]> ids) implements Serializable {

    /// Checks the lengths.
    ///
    /// @throws InvalidInputException when `seqlen` is not positive
    public Windows {
        ids = List.copyOf(ids);
        requirePositive("--seqlen", seqlen);
        for (int[] window : ids) {
            if (window.length != seqlen) {
                throw new IllegalArgumentException(
                        "a window of " + window.length + " tokens among windows of " + seqlen);
            }
        }
    }

    /// What perplexity is measured on: all documents as one text, cut by [#nonOverlapping].
    ///
    /// @throws InvalidInputException when the text is shorter than one window
    public static Windows ofText(
            Corpus corpus, Tokenizer tokenizer, int seqlen, OptionalInt limit) {
        return nonOverlapping(corpus.name(), tokenizer.encode(corpus.text()), seqlen, limit);
    }

    /// Cuts a stream of tokens end to end; what is left behind the last whole window is dropped.
    ///
    /// @param name of the text, for messages
    /// @param limit at most so many windows, from the front
    /// @throws InvalidInputException when the stream is shorter than one window
    static Windows nonOverlapping(String name, int[] stream, int seqlen, OptionalInt limit) {
        requirePositive("--seqlen", seqlen);
        limit.ifPresent(windows -> requirePositive("the limit of windows", windows));
        int whole = stream.length / seqlen;
        if (whole == 0) {
            throw new InvalidInputException(
                    String.format(
                            Locale.ROOT,
                            "%s has %,d tokens, fewer than one window of %,d:"
                                    + " give more text or a smaller --seqlen",
                            name,
                            stream.length,
                            seqlen));
        }
        return new Windows(
                seqlen,
                IntStream.range(0, Math.min(whole, limit.orElse(whole)))
                        .mapToObj(w -> Arrays.copyOfRange(stream, w * seqlen, (w + 1) * seqlen))
                        .toList());
    }

    /// Windows.
    public int count() {
        return ids.size();
    }

    /// Tokens in all windows together.
    public long tokens() {
        return (long) ids.size() * seqlen;
    }

    /// The highest id, which the model's embedding must have a row for; -1 without windows.
    public int maxId() {
        return ids.stream().flatMapToInt(Arrays::stream).max().orElse(-1);
    }

    static void requirePositive(String what, int value) {
        if (value < 1) {
            throw new InvalidInputException(what + " must be at least 1, got " + value);
        }
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%,d windows of %,d tokens", count(), seqlen);
    }
}
