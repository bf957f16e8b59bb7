package org.wanda4j.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.InvalidInputException;

class SamplerTest {

    private static final int DRAWS = 20_000;

    /// Probabilities 0.5, 0.25, 0.15, 0.1 at temperature 1.
    private static final double[] PROBABILITIES = {0.15, 0.5, 0.1, 0.25};

    @Test
    void drawsFollowTheProbabilities() {
        var counts = draw(sampling(1, 0, 1, 0));
        for (int id = 0; id < PROBABILITIES.length; id++) {
            assertEquals(PROBABILITIES[id], counts.get(id) / (double) DRAWS, 0.015);
        }
    }

    @Test
    void temperatureSharpens() {
        var counts = draw(sampling(0.5, 0, 1, 0));
        assertEquals(0.25 / 0.345, counts.get(1) / (double) DRAWS, 0.015);
    }

    @Test
    void eachLimitLeavesTheLikeliest() {
        assertEquals(Set.of(1, 3), draw(sampling(1, 2, 1, 0)).keySet());
        assertEquals(Set.of(1, 3), draw(sampling(1, 0, 0.7, 0)).keySet());
        assertEquals(Set.of(1, 3), draw(sampling(1, 0, 0.75, 0)).keySet());
        assertEquals(Set.of(0, 1, 3), draw(sampling(1, 0, 0.76, 0)).keySet());
        assertEquals(Set.of(0, 1, 3), draw(sampling(1, 0, 1, 0.25)).keySet());
        assertEquals(Set.of(1), draw(sampling(0, 0, 1, 0)).keySet());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 40, 63, 64, 65, 150, 1000})
    void theLikeliestAreThoseOfAWholeSort(int limit) {
        for (int seed = 0; seed < 20; seed++) {
            compareWithSort(limit, new Random(seed));
        }
    }

    private static void compareWithSort(int limit, Random random) {
        float[] logits = new float[random.nextInt(1, 400)];
        for (int id = 0; id < logits.length; id++) {
            logits[id] = random.nextInt(-50, 50); // many are equal
        }
        List<Integer> sorted =
                IntStream.range(1, logits.length)
                        .boxed()
                        .sorted(Comparator.comparingDouble(id -> -logits[id]))
                        .map(id -> id - 1)
                        .limit(limit)
                        .toList();
        long[] keys = Sampler.likeliestFirst(logits, 1, logits.length - 1, limit);
        assertEquals(sorted, Arrays.stream(keys).mapToObj(Sampler::id).toList());
    }

    @Test
    void rowsThatNoTokenHasAreNeverChosen() {
        float[] logits = {1, 2, 9, 9};
        for (double temperature : new double[] {0, 1}) {
            var sampler = new Sampler(sampling(temperature, 0, 1, 0), 2, KernelChoice.best());
            for (int i = 0; i < 100; i++) {
                assertTrue(sampler.choose(logits, 0, 4) < 2);
            }
        }
    }

    @Test
    void oneSeedGivesOneSequence() {
        var some = new Sampler(sampling(1, 0, 1, 0), Integer.MAX_VALUE, KernelChoice.best());
        var other = new Sampler(sampling(1, 0, 1, 0), Integer.MAX_VALUE, KernelChoice.best());
        for (int i = 0; i < 100; i++) {
            assertEquals(some.choose(logits(), 2, 4), other.choose(logits(), 2, 4));
        }
    }

    @Test
    void whatOccurredIsPenalised() {
        var sampling = new Sampling(9, 0, 0, 1, 0, 2, OptionalLong.empty(), List.of());
        var sampler = new Sampler(sampling, Integer.MAX_VALUE, KernelChoice.best());
        assertEquals(1, sampler.choose(new float[] {1, 3, -1}, 0, 3));
        sampler.see(1);
        assertEquals(0, sampler.choose(new float[] {2, 3, -1}, 0, 3));
        assertEquals(0, sampler.choose(new float[] {-2, -1.5f, -4}, 0, 3));
    }

    @Test
    void whatIsOutOfRangeIsRefused() {
        assertThrows(InvalidInputException.class, () -> sampling(-1, 0, 1, 0));
        assertThrows(InvalidInputException.class, () -> sampling(1, -1, 1, 0));
        assertThrows(InvalidInputException.class, () -> sampling(1, 0, 0, 0));
        assertThrows(InvalidInputException.class, () -> sampling(1, 0, 1, 2));
    }

    private static Sampling sampling(double temperature, int topK, double topP, double minP) {
        return new Sampling(9, temperature, topK, topP, minP, 1, OptionalLong.of(3), List.of());
    }

    private static float[] logits() {
        float[] logits = {9, 9, 0, 0, 0, 0};
        for (int id = 0; id < PROBABILITIES.length; id++) {
            logits[2 + id] = (float) Math.log(PROBABILITIES[id]);
        }
        return logits;
    }

    private static Map<Integer, Integer> draw(Sampling sampling) {
        var sampler = new Sampler(sampling, Integer.MAX_VALUE, KernelChoice.best());
        var counts = new TreeMap<Integer, Integer>();
        for (int i = 0; i < DRAWS; i++) {
            counts.merge(sampler.choose(logits(), 2, PROBABILITIES.length), 1, Integer::sum);
        }
        return counts;
    }
}
