package org.wanda4j.text;

import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;

/// Shuffled documents as one stream of tokens, cut end to end. A document is tokenised when it is reached.
public final class PackedWindows {

    private final Corpus corpus;
    private final Function<String, int[]> encoder;
    private final int seqlen;
    private final int[] order;
    private int nextDocument;
    private int[] document = {};
    private int at;
    private long tokens;

    /// The same arguments give the same windows, on every machine.
    ///
    /// @param seqlen tokens of a window, at least 1
    /// @param seed of the order of the documents
    public PackedWindows(Corpus corpus, Tokenizer tokenizer, int seqlen, long seed) {
        this(corpus, tokenizer::encode, seqlen, seed);
        Windows.requirePositive("--seqlen", seqlen);
    }

    PackedWindows(Corpus corpus, Function<String, int[]> encoder, int seqlen, long seed) {
        this.corpus = corpus;
        this.encoder = encoder;
        this.seqlen = seqlen;
        this.order = IntStream.range(0, corpus.documents().size()).toArray();
        new PythonRandom(seed).shuffle(order);
    }

    /// The next `seqlen` tokens; empty where fewer are left.
    public Optional<int[]> next() {
        int[] window = new int[seqlen];
        int filled = 0;
        while (filled < seqlen) {
            if (at == document.length) {
                if (nextDocument == order.length) {
                    return Optional.empty();
                }
                document = encoder.apply(corpus.documents().get(order[nextDocument++]));
                at = 0;
            }
            int length = Math.min(document.length - at, seqlen - filled);
            System.arraycopy(document, at, window, filled, length);
            at += length;
            filled += length;
            tokens += length;
        }
        return Optional.of(window);
    }

    /// How many tokens were taken so far, those of a last window that was too short included.
    long tokens() {
        return tokens;
    }
}
