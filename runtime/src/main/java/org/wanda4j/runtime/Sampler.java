package org.wanda4j.runtime;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import java.util.random.RandomGenerator;

/// Chooses the tokens of one text. The steps and their order are those of transformers: repetition penalty, temperature,
/// top-k, top-p, min-p.
final class Sampler {

    private static final float LOWEST_POWER = -80; // exp of it is no subnormal float

    private static final int SPARE = 64; // keys

    private final Sampling sampling;
    private final int tokens;
    private final RandomGenerator random;
    private final BitSet seen = new BitSet();

    /// @param tokens ids that may be chosen lie below; a model may have logits for more
    Sampler(Sampling sampling, int tokens) {
        this.sampling = sampling;
        this.tokens = tokens;
        this.random =
                sampling.seed().isPresent()
                        ? new Random(sampling.seed().getAsLong())
                        : new Random();
    }

    /// Tells of a token of the text.
    void see(int id) {
        seen.set(id);
    }

    /// The next token.
    ///
    /// @param logits is changed where a penalty asks for that
    /// @param from index of the logit of id 0
    /// @param rows how many logits there are
    int choose(float[] logits, int from, int rows) {
        int vocabulary = Math.min(tokens, rows);
        penalise(logits, from, vocabulary);
        if (sampling.temperature() == 0) {
            return likeliest(logits, from, vocabulary);
        }
        return sampling.topK() == 0 && sampling.topP() == 1 && sampling.minP() == 0
                ? drawFromAll(logits, from, vocabulary)
                : drawFromLikeliest(logits, from, vocabulary);
    }

    /// Without limits there is nothing to sort.
    private int drawFromAll(float[] logits, int from, int vocabulary) {
        float highest = highest(logits, from, vocabulary);
        float colder = (float) Math.min(Float.MAX_VALUE, 1 / sampling.temperature());
        var weights = new float[vocabulary];
        for (int id = 0; id < vocabulary; id++) {
            weights[id] = Math.max(LOWEST_POWER, (logits[from + id] - highest) * colder);
        }
        KernelChoice.BEST.exponentials(weights, vocabulary, 0);
        double total = 0;
        for (float weight : weights) {
            total += weight;
        }
        return draw(id -> weights[id], vocabulary, total);
    }

    private int drawFromLikeliest(float[] logits, int from, int vocabulary) {
        int limit = sampling.topK() == 0 ? vocabulary : sampling.topK();
        long[] ordered = likeliestFirst(logits, from, vocabulary, limit);
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
                && sum < sampling.topP() * total
                && weights[kept] >= sampling.minP()) {
            sum += weights[kept++];
        }
        return id(ordered[draw(i -> weights[i], kept, sum)]);
    }

    /// One of the first `count` indices, as likely as its weight is of `total`, their sum.
    private int draw(IntToDoubleFunction weight, int count, double total) {
        double at = random.nextDouble() * total;
        int chosen = 0;
        while (chosen < count - 1 && at >= weight.applyAsDouble(chosen)) {
            at -= weight.applyAsDouble(chosen++);
        }
        return chosen;
    }

    private void penalise(float[] logits, int from, int vocabulary) {
        float penalty = (float) sampling.repetitionPenalty();
        if (penalty == 1) {
            return;
        }
        for (int id = seen.nextSetBit(0);
                id >= 0 && id < vocabulary;
                id = seen.nextSetBit(id + 1)) {
            float logit = logits[from + id];
            logits[from + id] = logit > 0 ? logit / penalty : logit * penalty;
        }
    }

    /// The first of the highest.
    static int likeliest(float[] logits, int from, int vocabulary) {
        float highest = highest(logits, from, vocabulary);
        int best = 0;
        while (best < vocabulary - 1 && logits[from + best] != highest) {
            best++;
        }
        return best;
    }

    private static float highest(float[] logits, int from, int vocabulary) {
        float highest = Float.NEGATIVE_INFINITY;
        for (int id = 0; id < vocabulary; id++) {
            highest = Math.max(highest, logits[from + id]);
        }
        return highest;
    }

    /// The likeliest tokens, at most `limit`, and their logits as keys that sort ascending.
    ///
    /// Keeps what is among the likeliest so far in room for about twice as many, which is sorted and cut when it is full: about
    /// one comparison a token where few are kept, and no more than a few sorts of them where many are.
    static long[] likeliestFirst(float[] logits, int from, int vocabulary, int limit) {
        int count = Math.min(limit, vocabulary);
        if (count == 0) {
            return new long[0];
        }
        long[] keys = new long[Math.min(vocabulary, count + Math.max(count, SPARE))];
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

    /// The larger the logit the smaller; equal ones by id.
    private static long key(float logit, int id) {
        int bits = Float.floatToIntBits(logit);
        int ascending = bits ^ (bits >> 31 & Integer.MAX_VALUE);
        return (long) ~ascending << Integer.SIZE | id;
    }

    private static float logit(long key) {
        int ascending = ~(int) (key >> Integer.SIZE);
        return Float.intBitsToFloat(ascending ^ (ascending >> 31 & Integer.MAX_VALUE));
    }

    static int id(long key) {
        return (int) key;
    }
}
