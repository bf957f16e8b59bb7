package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import java.util.random.RandomGenerator;
import org.wanda4j.runtime.internal.kernels.RowKernels;

/// Samples the tokens of one generation, as transformers does and in its order: repetition penalty, bias of logits, temperature, top-k,
/// top-p, min-p. A token whose logit is negative infinity is never chosen where another one has a finite logit.
final class Sampler {

    private static final float LOWEST_EXPONENT = -80; // e^-80 is a normal float

    private static final int SPARE_KEYS = 64;

    private final Sampling sampling;
    private final int vocabulary;
    private final RowKernels kernels;
    private final RandomGenerator random;
    private final BitSet seen = new BitSet();

    /// @param vocabulary ids below it may be chosen; a model may have logits for more
    Sampler(Sampling sampling, int vocabulary, RowKernels kernels) {
        this.sampling = sampling;
        this.vocabulary = vocabulary;
        this.kernels = kernels;
        this.random =
                sampling.seed().isPresent()
                        ? new Random(sampling.seed().getAsLong())
                        : new Random();
    }

    /// Notes that a token occurs in the text, for the repetition penalty.
    void see(int id) {
        seen.set(id);
    }

    /// Samples a token.
    ///
    /// @param logits are changed by a repetition penalty and by a bias
    /// @param from index of the logit of id 0
    /// @param rows number of logits
    /// @return its id
    int choose(float[] logits, int from, int rows) {
        int count = Math.min(vocabulary, rows);
        penalise(logits, from, count);
        addBias(logits, from, count);
        if (sampling.temperature() == 0) {
            return likeliest(logits, from, count);
        }
        return sampling.topK() == 0 && sampling.topP() == 1 && sampling.minP() == 0
                ? drawFromAll(logits, from, count)
                : drawFromLikeliest(logits, from, count);
    }

    /// Without top-k, top-p and min-p: nothing is sorted.
    private int drawFromAll(float[] logits, int from, int count) {
        float highest = highest(logits, from, count);
        float inverseTemperature = (float) Math.min(Float.MAX_VALUE, 1 / sampling.temperature());
        var weights = new float[count];
        for (int id = 0; id < count; id++) {
            weights[id] =
                    Math.max(LOWEST_EXPONENT, (logits[from + id] - highest) * inverseTemperature);
        }
        kernels.exponentials(weights, count, 0);
        double total = 0;
        for (int id = 0; id < count; id++) {
            weights[id] = logits[from + id] == Float.NEGATIVE_INFINITY ? 0 : weights[id];
            total += weights[id];
        }
        return draw(id -> weights[id], count, total);
    }

    private int drawFromLikeliest(float[] logits, int from, int count) {
        int limit = sampling.topK() == 0 ? count : sampling.topK();
        long[] ordered = likeliestFirst(logits, from, count, limit);
        double[] weights = new double[ordered.length];
        double total = 0;
        for (int i = 0; i < ordered.length; i++) {
            double difference = logit(ordered[i]) - logit(ordered[0]);
            weights[i] = Math.exp(difference / sampling.temperature());
            total += weights[i];
        }
        int kept = 0;
        double sum = 0;
        while (kept < weights.length
                && weights[kept] > 0
                && sum < sampling.topP() * total
                && weights[kept] >= sampling.minP()) {
            sum += weights[kept++];
        }
        return id(ordered[draw(i -> weights[i], kept, sum)]);
    }

    /// Draws one of the first `count` indices with probability `weight / total`, where `total` is the sum of their weights.
    private int draw(IntToDoubleFunction weight, int count, double total) {
        double at = random.nextDouble() * total;
        int chosen = 0;
        for (int i = 0; i < count; i++) {
            double each = weight.applyAsDouble(i);
            chosen = each > 0 ? i : chosen; // the last one where rounding leaves a rest of `at`
            if (at < each) {
                return i;
            }
            at -= each;
        }
        return chosen;
    }

    private void penalise(float[] logits, int from, int count) {
        float penalty = (float) sampling.repetitionPenalty();
        if (penalty == 1) {
            return;
        }
        for (int id = seen.nextSetBit(0); id >= 0 && id < count; id = seen.nextSetBit(id + 1)) {
            float logit = logits[from + id];
            logits[from + id] = logit > 0 ? logit / penalty : logit * penalty;
        }
    }

    private void addBias(float[] logits, int from, int count) {
        sampling.logitBias()
                .forEach((id, bias) -> {
                    if (id < count) {
                        logits[from + id] += bias;
                    }
                });
    }

    /// Index of the highest of `count` logits, the lowest such index.
    static int likeliest(float[] logits, int from, int count) {
        float highest = highest(logits, from, count);
        int best = 0;
        while (best < count - 1 && logits[from + best] != highest) {
            best++;
        }
        return best;
    }

    private static float highest(float[] logits, int from, int count) {
        float highest = Float.NEGATIVE_INFINITY;
        for (int id = 0; id < count; id++) {
            highest = Math.max(highest, logits[from + id]);
        }
        return highest;
    }

    /// The `limit` likeliest tokens, likeliest first, as keys of [#id] and [#logit].
    ///
    /// Candidates are collected in an array of about twice that length, which is sorted and cut to the limit when it is full: about one
    /// comparison a token for a low limit, a few sorts for a high one.
    static long[] likeliestFirst(float[] logits, int from, int vocabulary, int limit) {
        int count = Math.min(limit, vocabulary);
        if (count == 0) {
            return new long[0];
        }
        long[] keys = new long[Math.min(vocabulary, count + Math.max(count, SPARE_KEYS))];
        long worst = Long.MAX_VALUE;
        int size = 0;
        for (int id = 0; id < vocabulary; id++) {
            long key = key(logits[from + id], id);
            if (key < worst) {
                if (size == keys.length) {
                    Arrays.sort(keys);
                    size = count;
                    worst = keys[count - 1];
                }
                if (key < worst) {
                    keys[size++] = key;
                }
            }
        }
        Arrays.sort(keys, 0, size);
        return Arrays.copyOf(keys, count);
    }

    /// Sorts ascending by descending logit, then by id.
    private static long key(float logit, int id) {
        int bits = Float.floatToIntBits(logit);
        int ascending = bits ^ (bits >> 31 & Integer.MAX_VALUE);
        return (long) ~ascending << Integer.SIZE | id;
    }

    private static float logit(long key) {
        int ascending = ~(int) (key >> Integer.SIZE);
        return Float.intBitsToFloat(ascending ^ (ascending >> 31 & Integer.MAX_VALUE));
    }

    /// Id of a key of [#likeliestFirst].
    static int id(long key) {
        return (int) key;
    }
}
