package org.wanda4j.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import org.wanda4j.checkpoint.InvalidInputException;

/// The first of the [PackedWindows].
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
        var stream = new PackedWindows(corpus, encoder, seqlen, seed);
        List<int[]> full = new ArrayList<>();
        while (full.size() < windows) {
            Optional<int[]> window = stream.next();
            if (window.isEmpty()) {
                throw tooLittle(windows, stream.tokens());
            }
            full.add(window.get());
        }
        return new Windows(seqlen, full);
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
