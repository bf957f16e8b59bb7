package org.wanda4j.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.InvalidInputException;

/// Shuffled documents as one stream of tokens, cut end to end.
final class PackedSampler {

    private final Corpus corpus;
    private final Function<String, int[]> encoder;
    private final int seqlen;
    private final long seed;

    PackedSampler(Corpus corpus, Function<String, int[]> encoder, int seqlen, long seed) {
        this.corpus = corpus;
        this.encoder = encoder;
        this.seqlen = seqlen;
        this.seed = seed;
    }

    Windows sample(int windows) {
        List<int[]> full = new ArrayList<>();
        int[] window = new int[seqlen];
        int filled = 0;
        for (int document : order()) {
            int[] ids = encoder.apply(corpus.documents().get(document));
            for (int from = 0; from < ids.length; ) {
                int length = Math.min(ids.length - from, seqlen - filled);
                System.arraycopy(ids, from, window, filled, length);
                from += length;
                filled += length;
                if (filled == seqlen) {
                    full.add(window);
                    if (full.size() == windows) {
                        return new Windows(seqlen, full);
                    }
                    window = new int[seqlen];
                    filled = 0;
                }
            }
        }
        throw tooLittle(windows, (long) full.size() * seqlen + filled);
    }

    private int[] order() {
        int[] order = IntStream.range(0, corpus.documents().size()).toArray();
        new PythonRandom(seed).shuffle(order);
        return order;
    }

    private InvalidInputException tooLittle(int windows, long tokens) {
        return new InvalidInputException(
                String.format(
                        Locale.ROOT,
                        "packed: %,d windows of %,d tokens need %,d tokens; %s has %,d:"
                                + " give more text, fewer --windows or a smaller --seqlen",
                        windows,
                        seqlen,
                        (long) windows * seqlen,
                        corpus.name(),
                        tokens));
    }
}
