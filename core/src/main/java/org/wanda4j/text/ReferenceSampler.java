package org.wanda4j.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.wanda4j.checkpoint.InvalidInputException;

/// The sampler of the published code:
///
///     for each window
///         repeat: document = randint(0, documents - 1)  until it has more than seqlen tokens
///         offset = randint(0, tokens - seqlen - 1)
///         window = tokens[offset : offset + seqlen]
final class ReferenceSampler {

    /// Where a window begins.
    record Pick(int document, int offset) {}

    private final Corpus corpus;
    private final Function<String, int[]> encoder;
    private final int seqlen;
    private final PythonRandom random;

    /// Documents met so far: empty for one that is too short.
    private final Map<Integer, int[]> tokens = new HashMap<>();

    private int tooShort;
    private int longest;

    ReferenceSampler(Corpus corpus, Function<String, int[]> encoder, int seqlen, long seed) {
        this.corpus = corpus;
        this.encoder = encoder;
        this.seqlen = seqlen;
        this.random = new PythonRandom(seed);
    }

    Windows sample(int windows) {
        return new Windows(seqlen, picks(windows).stream().map(this::window).toList());
    }

    List<Pick> picks(int windows) {
        List<Pick> picks = new ArrayList<>();
        while (picks.size() < windows) {
            int document = random.below(corpus.documents().size());
            int length = tokens.computeIfAbsent(document, this::encode).length;
            if (length > seqlen) {
                picks.add(new Pick(document, random.below(length - seqlen)));
            } else if (tooShort == corpus.documents().size()) {
                throw new InvalidInputException(
                        String.format(
                                Locale.ROOT,
                                "reference: no document of %s is longer than %,d tokens (the"
                                        + " longest has %,d): use the packed sampler, give longer"
                                        + " documents or a smaller --seqlen",
                                corpus.name(),
                                seqlen,
                                longest));
            }
        }
        return picks;
    }

    private int[] encode(int document) {
        int[] ids = encoder.apply(corpus.documents().get(document));
        longest = Math.max(longest, ids.length);
        if (ids.length > seqlen) {
            return ids;
        }
        tooShort++;
        return new int[0];
    }

    private int[] window(Pick pick) {
        return Arrays.copyOfRange(
                tokens.get(pick.document()), pick.offset(), pick.offset() + seqlen);
    }
}
