package org.wanda4j.method;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Grams;

/// What every method promises of the mask that it returns with the matrix.
class MethodTest {

    private static final int OUTPUTS = 40;
    private static final int INPUTS = 160;
    private static final int TOKENS = 400;

    private final SplittableRandom random = new SplittableRandom(7);

    static Stream<Method> methods() {
        return Methods.all().stream();
    }

    static Stream<Method> methodsWithoutUpdate() {
        return methods().filter(method -> method.update() instanceof NoUpdate);
    }

    @ParameterizedTest
    @MethodSource("methods")
    void aWeightIsZeroWhereTheMaskSaysSoAndTheMaskHasTheSparsity(Method method) {
        prune(
                method,
                new Unstructured(0.5),
                (_, pruned) -> {
                    assertZeroWhereRemoved(pruned);
                    double removed = pruned.mask().count() / (double) (OUTPUTS * INPUTS);
                    assertEquals(0.5, removed, 0.01);
                });
    }

    @ParameterizedTest
    @MethodSource("methods")
    void aRunOfFourLosesTwo(Method method) {
        var pattern = new NofM(2, 4);
        prune(
                method,
                pattern,
                (_, pruned) -> {
                    assertZeroWhereRemoved(pruned);
                    assertTrue(pruned.mask().follows(pattern));
                    assertEquals(OUTPUTS * INPUTS / 2, pruned.mask().count());
                });
    }

    /// The first output has three zeros among four weights: some of them stay.
    @ParameterizedTest
    @MethodSource("methodsWithoutUpdate")
    void aWeightThatStaysKeepsItsBitsWithoutAnUpdateAndMayBeZero(Method method) {
        prune(
                method,
                new NofM(2, 4),
                (weight, pruned) -> {
                    int zeros = 0;
                    for (int i = 0; i < OUTPUTS; i++) {
                        for (int j = 0; j < INPUTS; j++) {
                            if (!pruned.mask().get(i, j)) {
                                float stays = value(pruned.weight(), i, j);
                                assertEquals(value(weight, i, j), stays);
                                zeros += stays == 0 ? 1 : 0;
                            }
                        }
                    }
                    assertEquals(INPUTS / 4, zeros);
                });
    }

    private interface Check {
        void check(TensorView weight, PrunedLinear pruned);
    }

    private void prune(Method method, SparsityPattern pattern, Check check) {
        float[][] inputs = inputs();
        try (Arena memory = Arena.ofShared();
                Gram gram = Grams.of(inputs, ComputeType.FP32)) {
            float[] norms = norms(inputs);
            var statistics = new InputStatistics(norms, norms, TOKENS, Optional.of(gram));
            TensorView weight = weight(memory);
            check.check(
                    weight,
                    method.prune(new PruneTask(weight, statistics, pattern, DType.F32, 2, memory)));
        }
    }

    private static void assertZeroWhereRemoved(PrunedLinear pruned) {
        Mask mask = pruned.mask();
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                if (mask.get(i, j)) {
                    float value = value(pruned.weight(), i, j);
                    assertEquals(0, Float.floatToRawIntBits(value), i + " " + j);
                }
            }
        }
    }

    private static float value(TensorView matrix, int row, int column) {
        return matrix.type().get(matrix.row(row), column);
    }

    private TensorView weight(Arena memory) {
        var weight =
                new TensorView(
                        "weight",
                        DType.F32,
                        List.of((long) OUTPUTS, (long) INPUTS),
                        memory.allocate((long) OUTPUTS * INPUTS * Float.BYTES, 64));
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                float value = i == 0 && j % 4 > 0 ? 0 : (float) random.nextGaussian();
                weight.row(i).setAtIndex(ValueLayout.JAVA_FLOAT, j, value);
            }
        }
        return weight;
    }

    private float[][] inputs() {
        float[][] inputs = new float[TOKENS][INPUTS];
        for (float[] token : inputs) {
            float shared = (float) random.nextGaussian();
            for (int j = 0; j < INPUTS; j++) {
                token[j] = (float) random.nextGaussian() * (1 + j % 5) + shared;
            }
        }
        return inputs;
    }

    private static float[] norms(float[][] inputs) {
        float[] norms = new float[INPUTS];
        for (int j = 0; j < INPUTS; j++) {
            double sum = 0;
            for (float[] token : inputs) {
                sum += (double) token[j] * token[j];
            }
            norms[j] = (float) Math.sqrt(sum / 2);
        }
        return norms;
    }
}
