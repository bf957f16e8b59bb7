package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import org.wanda4j.text.Detokenizer.Reading;

/// How likely the model finds each token in one place: `log softmax(logits)`.
final class Likelihoods {

    private final float[] logits;
    private final double logSum;

    Likelihoods(float[] logits, int from, int vocabulary) {
        this.logits = Arrays.copyOfRange(logits, from, from + vocabulary);
        float highest = this.logits[Sampler.likeliest(this.logits, 0, vocabulary)];
        double sum = 0;
        for (float logit : this.logits) {
            sum += Math.exp(logit - highest);
        }
        this.logSum = highest + Math.log(sum);
    }

    /// Of a token.
    double logProbability(int id) {
        return logits[id] - logSum;
    }

    /// The `count` likeliest tokens, likeliest first.
    ///
    /// @param reading what a token would give there
    List<ScoredToken> likeliest(int count, IntFunction<Reading> reading) {
        return Arrays.stream(Sampler.likeliestFirst(logits, 0, logits.length, count))
                .mapToObj(key -> alone(Sampler.id(key), reading))
                .toList();
    }

    private ScoredToken alone(int id, IntFunction<Reading> reading) {
        Reading read = reading.apply(id);
        return new ScoredToken(id, read.text(), read.bytes(), logProbability(id), List.of());
    }
}
