package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.wanda4j.text.Detokenizer.TokenText;

/// Log probabilities (natural) of the tokens at one position: `log softmax(logits)`.
final class LogProbabilities {

    private final float[] logits;
    private final int from;
    private final int vocabulary;
    private final double logSum;

    private LogProbabilities(float[] logits, int from, int vocabulary) {
        this.logits = logits;
        this.from = from;
        this.vocabulary = vocabulary;
        float highest = logits[from + Sampler.likeliest(logits, from, vocabulary)];
        double sum = 0;
        for (int id = 0; id < vocabulary; id++) {
            sum += Math.exp(logits[from + id] - highest);
        }
        this.logSum = highest + Math.log(sum);
    }

    /// Of a copy of the logits.
    ///
    /// @param from index of the logit of id 0
    static LogProbabilities copyOf(float[] logits, int from, int vocabulary) {
        return new LogProbabilities(
                Arrays.copyOfRange(logits, from, from + vocabulary), 0, vocabulary);
    }

    /// Valid until the logits change.
    ///
    /// @param from index of the logit of id 0
    static LogProbabilities view(float[] logits, int from, int vocabulary) {
        return new LogProbabilities(logits, from, vocabulary);
    }

    /// Log probability of a token.
    double of(int id) {
        return logits[from + id] - logSum;
    }

    /// The `count` likeliest tokens, likeliest first.
    ///
    /// @param reading text and bytes that a token would add
    List<ScoredToken> likeliest(int count, IntFunction<TokenText> reading) {
        return Arrays.stream(Sampler.likeliestFirst(logits, from, vocabulary, count))
                .mapToObj(key -> scored(Sampler.id(key), reading))
                .toList();
    }

    private ScoredToken scored(int id, IntFunction<TokenText> reading) {
        TokenText read = reading.apply(id);
        return new ScoredToken(id, read.text(), read.bytes(), of(id), List.of());
    }
}
