package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.wanda4j.text.Detokenizer.TokenText;

/// Log probabilities (natural) of the tokens at one position: `log softmax(logits)`.
final class LogProbabilities {

    private final float[] logits;
    private final double logSum;

    LogProbabilities(float[] logits, int from, int vocabulary) {
        this.logits = Arrays.copyOfRange(logits, from, from + vocabulary);
        float highest = this.logits[Sampler.likeliest(this.logits, 0, vocabulary)];
        double sum = 0;
        for (float logit : this.logits) {
            sum += Math.exp(logit - highest);
        }
        this.logSum = highest + Math.log(sum);
    }

    /// Log probability of a token.
    double of(int id) {
        return logits[id] - logSum;
    }

    /// The `count` likeliest tokens, likeliest first.
    ///
    /// @param reading text and bytes that a token would add
    List<ScoredToken> likeliest(int count, IntFunction<TokenText> reading) {
        return Arrays.stream(Sampler.likeliestFirst(logits, 0, logits.length, count))
                .mapToObj(key -> scored(Sampler.id(key), reading))
                .toList();
    }

    private ScoredToken scored(int id, IntFunction<TokenText> reading) {
        TokenText read = reading.apply(id);
        return new ScoredToken(id, read.text(), read.bytes(), of(id), List.of());
    }
}
