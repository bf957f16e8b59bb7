package org.wanda4j.method;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Grams;

/// Every method by the operations of a device, against the same method on the host.
class DevicePruningTest {

    private static final int OUTPUTS = 96;

    /// Not a multiple of 64 nor of a panel.
    private static final int INPUTS = 300;

    private static final int TOKENS = 700;

    /// A row of ten equal weights and zeros: ties.
    private static final int TIED_ROW = 5;

    private static final int DEAD_INPUT = 17;

    private final SplittableRandom random = new SplittableRandom(11);

    static Stream<Arguments> methods() {
        return Methods.all().stream()
                .filter(DevicePruning::does)
                .flatMap(method ->
                        Stream.of(
                                        new Unstructured(0.5),
                                        new Unstructured(0),
                                        new NofM(2, 4),
                                        new NofM(4, 6))
                                .map(pattern -> Arguments.of(method, pattern)));
    }

    @Test
    void allMethodsButOneAreDoneThere() {
        assertEquals(
                List.of("wanda-variant"),
                Methods.all().stream()
                        .filter(method -> !DevicePruning.does(method))
                        .map(Method::name)
                        .toList());
    }

    @ParameterizedTest
    @MethodSource("methods")
    void theSameIsRemovedAndUpdated(Method method, SparsityPattern pattern) {
        try (Arena memory = Arena.ofShared();
                InputStatistics statistics = statistics()) {
            var task = new PruneTask(weight(memory), statistics, pattern, DType.F32, 2, memory);
            PrunedLinear host = method.prune(task);
            PrunedLinear device = method.prune(task, Device.EMULATED);
            int differing = 0;
            double difference = 0;
            double norm = 0;
            for (int i = 0; i < OUTPUTS; i++) {
                boolean equal = true;
                double ofRow = 0;
                for (int j = 0; j < INPUTS; j++) {
                    if (host.mask().get(i, j) != device.mask().get(i, j)) {
                        differing++;
                        equal = false;
                    }
                    long at = (long) i * INPUTS + j;
                    double wanted = value(host.weight(), at);
                    norm += wanted * wanted;
                    ofRow += Math.pow(value(device.weight(), at) - wanted, 2);
                }
                difference += equal ? ofRow : 0;
            }
            boolean updates = !(method.update() instanceof NoUpdate);
            assertTrue(
                    differing <= (updates ? OUTPUTS * INPUTS / 1000 : 0),
                    differing + " of the mask differ");
            assertEquals(0, Math.sqrt(difference / norm), updates ? 1e-4 : 0);
        }
    }

    @Test
    void aWeightThatIsNotFiniteIsRefused() {
        try (Arena memory = Arena.ofShared();
                InputStatistics statistics = statistics()) {
            TensorView weight = weight(memory);
            weight.data().setAtIndex(ValueLayout.JAVA_FLOAT, 3, Float.NaN);
            var task =
                    new PruneTask(weight, statistics, new Unstructured(0.5), DType.F32, 2, memory);
            assertThrows(
                    InvalidInputException.class,
                    () -> Methods.named("wanda").prune(task, Device.EMULATED));
        }
    }

    private static double value(TensorView tensor, long index) {
        return tensor.type().get(tensor.data(), index);
    }

    private TensorView weight(Arena memory) {
        var data = memory.allocate((long) OUTPUTS * INPUTS * Float.BYTES, 64);
        for (int i = 0; i < OUTPUTS; i++) {
            for (int j = 0; j < INPUTS; j++) {
                double value = i == TIED_ROW ? (j % 30 == 0 ? 0.25 : 0) : random.nextDouble(-1, 1);
                data.setAtIndex(ValueLayout.JAVA_FLOAT, (long) i * INPUTS + j, (float) value);
            }
        }
        return new TensorView("weight", DType.F32, List.of((long) OUTPUTS, (long) INPUTS), data);
    }

    private InputStatistics statistics() {
        float[][] inputs = new float[TOKENS][INPUTS];
        for (float[] token : inputs) {
            double common = random.nextDouble(-1, 1);
            for (int j = 0; j < INPUTS; j++) {
                token[j] =
                        j == DEAD_INPUT ? 0 : (float) (common + random.nextDouble(-1, 1) * (1 + j));
            }
        }
        Gram gram = Grams.of(inputs, ComputeType.FP32);
        float[] norms = new float[INPUTS];
        for (int j = 0; j < INPUTS; j++) {
            norms[j] = (float) Math.sqrt(gram.matrix().get(j, j));
        }
        float[] ablation = Arrays.copyOf(norms, INPUTS);
        return new InputStatistics(norms, ablation, TOKENS, Optional.of(gram));
    }
}
