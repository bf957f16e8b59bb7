package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.Together.await;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GramSumTest {

    private static final int WIDTH = 7;
    private static final int BATCHES = 40;
    private static final int THREADS = 3;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void theSumDoesNotDependOnTheOrderInWhichBatchesAreTaken(int threads) {
        List<Integer> ascending = IntStream.range(0, BATCHES).boxed().toList();
        List<Float> expected = sum(ascending, 1);
        assertEquals(expected, sum(ascending, threads));
        assertEquals(expected, sum(ascending.reversed(), threads));
        for (int seed = 0; seed < 20; seed++) {
            List<Integer> shuffled = new ArrayList<>(ascending);
            Collections.shuffle(shuffled, new Random(seed));
            assertEquals(expected, sum(shuffled, threads), "seed " + seed);
        }
    }

    @Test
    void whileABatchIsSlowTheOthersTakeAMatrixForEachThreadAtMost() {
        try (var engine = new Engine(ComputeType.FP32, THREADS);
                var sum = new GramSum(WIDTH, ComputeType.FP32, THREADS)) {
            List<Integer> ahead = new ArrayList<>();
            engine.forEach(
                    BATCHES,
                    whileTheFirstIsHeld(
                            sum,
                            () -> {
                                ahead.add(sum.made());
                                sum.add(0, batch(0));
                            }));
            assertEquals(List.of(THREADS - 1), ahead);
            assertEquals(THREADS, sum.made());
        }
    }

    @Test
    void inAscendingOrderThereIsAMatrixForEachThreadAtMost() {
        try (var engine = new Engine(ComputeType.FP32, THREADS)) {
            for (int round = 0; round < 100; round++) {
                try (var sum = new GramSum(WIDTH, ComputeType.FP32, THREADS)) {
                    engine.forEach(BATCHES, i -> sum.add(i, batch(i)));
                    assertTrue(sum.made() <= THREADS, () -> "matrices: " + sum.made());
                }
            }
        }
    }

    @Test
    void aBatchThatFailsIsWaitedForByNobody() {
        try (var engine = new Engine(ComputeType.FP32, THREADS);
                var sum = new GramSum(WIDTH, ComputeType.FP32, THREADS)) {
            var failure =
                    assertThrows(
                            ArithmeticException.class,
                            () ->
                                    engine.forEach(
                                            BATCHES,
                                            whileTheFirstIsHeld(
                                                    sum,
                                                    () -> {
                                                        throw new ArithmeticException("the first");
                                                    }),
                                            sum::abandon));
            assertEquals("the first", failure.getMessage());
            assertEquals(THREADS - 1, failure.getSuppressed().length);
        }
    }

    @Test
    void aBatchThatFailsBeforeOneInFrontOfItIsAddedIsTheOneThatIsTold() {
        var failed = new CountDownLatch(1);
        try (var engine = new Engine(ComputeType.FP32, 2);
                var sum = new GramSum(WIDTH, ComputeType.FP32, 2)) {
            assertThrows(
                    ArithmeticException.class,
                    () ->
                            engine.forEach(
                                    2,
                                    i -> {
                                        if (i == 1) {
                                            throw new ArithmeticException();
                                        }
                                        await(failed);
                                        sum.add(i, batch(i));
                                    },
                                    () -> {
                                        sum.abandon();
                                        failed.countDown();
                                    }));
        }
    }

    /// Adds all batches but the first, with which `first` is run once the other threads can go no further.
    private static IntConsumer whileTheFirstIsHeld(GramSum sum, Runnable first) {
        Set<Thread> others = ConcurrentHashMap.newKeySet();
        return i -> {
            if (i == 0) {
                while (others.size() < THREADS - 1
                        || !others.stream().allMatch(it -> it.getState() == Thread.State.WAITING)) {
                    Thread.onSpinWait();
                }
                first.run();
            } else {
                others.add(Thread.currentThread());
                sum.add(i, batch(i));
            }
        };
    }

    @Test
    void whatWasAbandonedTakesNothingMore() {
        try (var sum = new GramSum(WIDTH, ComputeType.FP32, 1);
                var _ = new PointerScope()) {
            sum.abandon();
            assertThrows(CancellationException.class, () -> sum.add(0, batch(0)));
        }
    }

    /// Narrow enough for one panel, and too wide for that.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, WIDTH, 1100})
    void theMeanOfPanelsIsTheSameBits(int width) {
        try (var sum = new GramSum(width, ComputeType.FP32, 1);
                var _ = new PointerScope()) {
            sum.add(0, torch.randn(3, width));
            List<float[]> panels = sum.panels();
            assertEquals(
                    width * (width + 1L) / 2, panels.stream().mapToLong(it -> it.length).sum());
            assertEquals(width > 1000, panels.size() > 1);
            try (Gram travelled = GramSum.mean(panels, width, ComputeType.FP32, 3);
                    Gram expected = sum.mean(3)) {
                float[] row = new float[width];
                float[] expectedRow = new float[width];
                for (int i = 0; i < width; i++) {
                    travelled.matrix().read(i, row);
                    expected.matrix().read(i, expectedRow);
                    assertArrayEquals(expectedRow, row);
                }
            }
        }
    }

    @Test
    void aBatchThatIsMissingIsNoticed() {
        try (var sum = new GramSum(WIDTH, ComputeType.FP32, 2);
                var _ = new PointerScope()) {
            sum.add(0, batch(0));
            sum.add(2, batch(2));
            assertThrows(IllegalStateException.class, sum::panels);
            assertThrows(IllegalStateException.class, () -> sum.mean(3));
        }
    }

    /// The sum of all batches, which threads take in `order`.
    private static List<Float> sum(List<Integer> order, int threads) {
        try (var engine = new Engine(ComputeType.FP32, threads);
                var sum = new GramSum(WIDTH, ComputeType.FP32, threads)) {
            engine.forEach(order.size(), i -> sum.add(order.get(i), batch(order.get(i))));
            return values(sum);
        }
    }

    private static List<Float> values(GramSum sum) {
        List<Float> values = new ArrayList<>();
        try (Gram gram = sum.mean(1)) {
            for (int row = 0; row < WIDTH; row++) {
                for (int column = 0; column < WIDTH; column++) {
                    values.add(gram.matrix().get(row, column));
                }
            }
        }
        return values;
    }

    /// Values of many magnitudes, so that the order in which they are added shows.
    private static Tensor batch(int index) {
        var random = new Random(index);
        float[] values = new float[5 * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(10, index % 7 - 3));
        }
        return torch.tensor(values).view(5, WIDTH);
    }
}
