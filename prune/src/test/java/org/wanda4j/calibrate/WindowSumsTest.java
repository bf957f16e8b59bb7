package org.wanda4j.calibrate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.wanda4j.torch.ComputeType;

class WindowSumsTest {

    private static final int WIDTH = 5;

    /// Batches of `perBatch` windows are dealt out to processes, and what these made of them comes back in any order.
    @Property(tries = 200)
    void theNormsOfPartsThatAreMergedAreTheBitsOfAllAtOnce(
            @ForAll @IntRange(min = 1, max = 60) int windows,
            @ForAll @IntRange(min = 1, max = 7) int parts,
            @ForAll @IntRange(min = 1, max = 4) int perBatch,
            @ForAll long seed) {
        var random = new Random(seed);
        List<WindowSum> sums = sums(windows, random);
        StageSums whole = empty();
        add(whole, 0, sums);
        List<StageSums> processes = Stream.generate(WindowSumsTest::empty).limit(parts).toList();
        for (int first = 0; first < windows; first += perBatch) {
            List<WindowSum> batch = sums.subList(first, Math.min(first + perBatch, windows));
            add(processes.get(random.nextInt(parts)), first, batch);
        }
        List<StageSums> shuffled = new ArrayList<>(processes);
        Collections.shuffle(shuffled, random);
        WindowSums merged =
                shuffled.stream()
                        .map(StageSums::windows)
                        .reduce(new WindowSums(new TreeMap<>()), WindowSums::merge);
        InputStatistics expected = whole.statistics();
        InputStatistics actual = InputStatistics.of(merged, Optional.empty());
        assertArrayEquals(expected.norms(), actual.norms());
        assertArrayEquals(expected.ablationNorms(), actual.ablationNorms());
        assertEquals(expected.tokens(), actual.tokens());
    }

    @Property(tries = 50)
    void theSquareOfANormIsTheMeanOfTheWindowsSums(
            @ForAll @IntRange(min = 1, max = 60) int windows, @ForAll long seed) {
        List<WindowSum> sums = sums(windows, new Random(seed));
        StageSums all = empty();
        add(all, 0, sums);
        InputStatistics statistics = all.statistics();
        for (int j = 0; j < WIDTH; j++) {
            int channel = j;
            double mean =
                    sums.stream().mapToDouble(it -> it.squares()[channel]).average().orElseThrow();
            assertEquals(Math.sqrt(mean), statistics.norms()[j], 1e-5 * Math.sqrt(mean));
        }
        assertEquals(sums.stream().mapToLong(WindowSum::tokens).sum(), statistics.tokens());
    }

    @Example
    void aWindowThatWasRunTwiceIsNotCountedTwice() {
        StageSums some = empty();
        StageSums others = empty();
        add(some, 0, sums(3, new Random(1)));
        add(others, 2, sums(1, new Random(2)));
        assertThrows(IllegalArgumentException.class, () -> some.windows().merge(others.windows()));
    }

    private static StageSums empty() {
        return StageSums.of(WIDTH, ComputeType.FP32, Statistic.INPUT_NORMS, 1);
    }

    private static void add(StageSums sums, int first, List<WindowSum> windows) {
        float[] squares = new float[windows.size() * WIDTH];
        for (int i = 0; i < windows.size(); i++) {
            System.arraycopy(windows.get(i).squares(), 0, squares, i * WIDTH, WIDTH);
        }
        sums.add(first, windows.stream().mapToLong(WindowSum::tokens).toArray(), squares);
    }

    /// Of many magnitudes, so that the order in which they are added shows; some of windows without a token.
    private static List<WindowSum> sums(int count, Random random) {
        List<WindowSum> sums = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long tokens = random.nextInt(4);
            float[] squares = new float[WIDTH];
            for (int j = 0; j < WIDTH && tokens > 0; j++) {
                squares[j] = (float) Math.exp(4 * random.nextGaussian());
            }
            sums.add(new WindowSum(tokens, squares));
        }
        return sums;
    }
}
