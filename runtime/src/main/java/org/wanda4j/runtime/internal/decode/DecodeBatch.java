package org.wanda4j.runtime.internal.decode;

import java.util.List;

/// Tokens of one or more sequences that are decoded together.
public final class DecodeBatch {

    /// The next tokens of a sequence.
    ///
    /// @param tokens at least one
    /// @param predictions of how many of them, the last ones, the logits behind are needed
    public record Step(Sequence sequence, int[] tokens, int predictions) {

        /// @param predicts whether logits behind the last token are needed
        public Step(Sequence sequence, int[] tokens, boolean predicts) {
            this(sequence, tokens, predicts ? 1 : 0);
        }
    }

    private final int[] ids;
    private final int[] positions;
    private final Sequence[] sequences;
    private final int[] lasts;

    DecodeBatch(List<Step> steps) {
        int count = 0;
        int predictions = 0;
        for (Step step : steps) {
            count += step.tokens().length;
            predictions += step.predictions();
        }
        ids = new int[count];
        positions = new int[count];
        sequences = new Sequence[count];
        lasts = new int[predictions];
        int t = 0;
        int predicted = 0;
        for (Step step : steps) {
            if (!step.sequence().reserve(step.tokens().length)) {
                throw new IllegalStateException("no room for keys and values");
            }
            for (int j = 0; j < step.tokens().length; j++) {
                ids[t] = step.tokens()[j];
                positions[t] = step.sequence().length() + j;
                sequences[t] = step.sequence();
                t++;
            }
            for (int last = t - step.predictions(); last < t; last++) {
                lasts[predicted++] = last;
            }
        }
    }

    int tokens() {
        return ids.length;
    }

    int id(int token) {
        return ids[token];
    }

    int position(int token) {
        return positions[token];
    }

    Sequence sequence(int token) {
        return sequences[token];
    }

    /// Indices of the tokens behind which logits are needed.
    int[] lasts() {
        return lasts;
    }

    /// Length of the longest sequence with this batch.
    int longest() {
        int longest = 0;
        for (int position : positions) {
            longest = Math.max(longest, position + 1);
        }
        return longest;
    }
}
