package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;

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

    /// A token with the `count` likeliest beside it.
    ScoredToken score(int id, int count, IntFunction<String> text) {
        List<ScoredToken> alternatives =
                Arrays.stream(Sampler.likeliestFirst(logits, 0, logits.length, count))
                        .mapToObj(key -> alone(Sampler.id(key), text))
                        .toList();
        return new ScoredToken(id, text.apply(id), logits[id] - logSum, alternatives);
    }

    private ScoredToken alone(int id, IntFunction<String> text) {
        return new ScoredToken(id, text.apply(id), logits[id] - logSum, List.of());
    }
}
