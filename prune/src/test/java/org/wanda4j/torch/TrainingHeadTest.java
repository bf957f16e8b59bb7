package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.torch.TorchHead.Reference;
import org.wanda4j.torch.TrainingHead.Target;

/// Losses against sums in double, written out, over logits of [TorchHead].
class TrainingHeadTest {

    private static final int WINDOWS = 2;
    private static final int LENGTH = 5;
    private static final int TOKENS = WINDOWS * LENGTH;

    private final Random random = new Random(11);

    private interface Work {
        void with(
                TrainingHead head, TorchHead plain, Batch states, Batch others, MemorySegment raw);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama3", "gemma2", "cohere", "opt-post", "phi"})
    void theDivergenceIsThatOfBothDistributions(String family) {
        on(
                family,
                (head, plain, states, others, _) -> {
                    for (double temperature : new double[] {1, 2.5}) {
                        double expected =
                                divergence(
                                        plain.logits(others, 0, TOKENS),
                                        plain.logits(states, 0, TOKENS),
                                        temperature);
                        var target = new Target.Teacher(new Reference(plain, others), temperature);
                        assertEquals(expected, head.loss(target, states), 1e-4 * expected);
                        assertEquals(
                                expected, gradient(head, target, states).loss, 1e-4 * expected);
                    }
                });
    }

    @Test
    void theLossOfTextIsItsNegativeLogLikelihood() {
        on(
                "llama3",
                (head, plain, states, _, _) -> {
                    List<int[]> ids = List.of(ids(), ids());
                    double expected = 0;
                    for (int window = 0; window < WINDOWS; window++) {
                        expected +=
                                plain.predict(states, window, ids.get(window), Optional.empty())
                                        .negativeLogLikelihood();
                    }
                    var target = new Target.Next(ids);
                    assertEquals(expected, head.loss(target, states), 1e-4 * expected);
                    assertEquals(expected, gradient(head, target, states).loss, 1e-4 * expected);
                });
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama3", "gemma2", "cohere", "opt-post", "phi"})
    void theGradientIsTheSlope(String family) {
        on(
                family,
                (head, plain, states, others, raw) -> {
                    assertSlope(
                            head, new Target.Teacher(new Reference(plain, others), 2), states, raw);
                    assertSlope(head, new Target.Next(List.of(ids(), ids())), states, raw);
                });
    }

    private record Result(double loss, float[] gradient) {}

    private static Result gradient(TrainingHead head, Target target, Batch states) {
        MemorySegment gradient = Arena.ofAuto().allocate(states.hidden().numel() * Float.BYTES, 64);
        Batch into = Batch.over(WINDOWS, LENGTH, gradient, 1, ComputeType.FP32);
        double loss = head.loss(target, 0, states, 1, into, new GradientSum());
        return new Result(loss, gradient.toArray(ValueLayout.JAVA_FLOAT));
    }

    private void assertSlope(TrainingHead head, Target target, Batch states, MemorySegment raw) {
        float[] start = raw.toArray(ValueLayout.JAVA_FLOAT);
        float[] gradient = gradient(head, target, states).gradient();
        double[] way = random.doubles(start.length, -1, 1).toArray();
        ToDoubleFunction<Double> loss =
                step -> {
                    for (int i = 0; i < start.length; i++) {
                        raw.setAtIndex(
                                ValueLayout.JAVA_FLOAT, i, (float) (start[i] + step * way[i]));
                    }
                    return head.loss(target, states);
                };
        double step = 2e-3;
        double measured = (loss.applyAsDouble(step) - loss.applyAsDouble(-step)) / (2 * step);
        double expected = 0;
        for (int i = 0; i < way.length; i++) {
            expected += gradient[i] * way[i];
        }
        double size = Arrays.stream(way).map(each -> each * each).sum();
        assertEquals(expected, measured, 0.02 * Math.abs(expected) + 1e-3 * Math.sqrt(size));
        var _ = loss.applyAsDouble(0.0);
    }

    private int[] ids() {
        return random.ints(LENGTH, 0, 96).toArray();
    }

    private void on(String family, Work work) {
        Path model = GoldenFamilies.of(family);
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Arena memory = Arena.ofShared();
                Engine engine = new Engine(ComputeType.FP32, 1)) {
            Architecture architecture = Families.describe(checkpoint);
            long bytes = (long) TOKENS * architecture.hidden() * Float.BYTES;
            MemorySegment raw = memory.allocate(bytes, 64);
            MemorySegment other = memory.allocate(bytes, 64);
            fill(raw);
            fill(other);
            try (var head =
                            new TrainingHead(
                                    architecture,
                                    Map.of(),
                                    new FixedWeights(checkpoint::map, Device.HOST),
                                    ComputeType.FP32,
                                    memory);
                    var plain =
                            new TorchHead(
                                    architecture,
                                    view -> checkpoint.map(view, memory),
                                    ComputeType.FP32)) {
                engine.forEach(
                        1,
                        _ ->
                                work.with(
                                        head,
                                        plain,
                                        Batch.over(WINDOWS, LENGTH, raw, 1, ComputeType.FP32),
                                        Batch.over(WINDOWS, LENGTH, other, 1, ComputeType.FP32),
                                        raw));
            }
        }
    }

    private void fill(MemorySegment states) {
        for (long i = 0; i < states.byteSize() / Float.BYTES; i++) {
            states.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
    }

    /// `t^2 sum_v p (log p - log q)`, summed over tokens.
    private static double divergence(float[] teacher, float[] student, double temperature) {
        int vocabulary = teacher.length / TOKENS;
        double sum = 0;
        for (int token = 0; token < TOKENS; token++) {
            double[] p = probabilities(teacher, token * vocabulary, vocabulary, temperature);
            double[] q = probabilities(student, token * vocabulary, vocabulary, temperature);
            for (int i = 0; i < vocabulary; i++) {
                sum += p[i] * (Math.log(p[i]) - Math.log(q[i]));
            }
        }
        return temperature * temperature * sum;
    }

    private static double[] probabilities(float[] logits, int from, int count, double temperature) {
        double[] exp = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) {
            exp[i] = Math.exp(logits[from + i] / temperature);
            sum += exp[i];
        }
        for (int i = 0; i < count; i++) {
            exp[i] /= sum;
        }
        return exp;
    }
}
