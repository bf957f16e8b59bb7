package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Norm;
import org.wanda4j.model.families.Families;
import org.wanda4j.torch.BlockTraining.Gradient;

/// Gradients of the weights of every family's blocks, against differences of the error itself.
class BlockTrainingTest {

    private static final int LENGTH = 6;
    private static final double STEP = 5e-4;
    private static final int DIRECTIONS = 3;

    @TempDir private Path scratch;

    private final Random random = new Random(5);

    static Stream<Path> families() {
        return GoldenFamilies.all().stream();
    }

    @ParameterizedTest
    @MethodSource("families")
    void theGradientOfEveryWeightIsTheSlopeOfTheError(Path model) {
        onBlock(
                model,
                LENGTH,
                (block, source, inputs, targets) -> {
                    List<MatrixView> linears =
                            block.linears().stream().flatMap(Linear::views).toList();
                    Optional<MatrixView> norm = block.norms().flatMap(Norm::views).findFirst();
                    for (MatrixView view : block.views().toList()) {
                        // The norm, behind the linears, has a gradient even where an expert is
                        // idle.
                        Predicate<MatrixView> trained =
                                each ->
                                        each.equals(view)
                                                || (linears.contains(view)
                                                        && norm.filter(each::equals).isPresent());
                        try (Arena memory = Arena.ofShared();
                                var training = training(block, source, trained, LENGTH, memory)) {
                            assertSlope(view, training, inputs, targets(block, targets));
                        }
                    }
                });
    }

    /// In one of a few directions: a kink of the activation, or a token that goes to another expert, is in the way of some.
    private void assertSlope(
            MatrixView view, BlockTraining training, Batch inputs, List<Batch> targets) {
        MemorySegment values = training.values().get(view).data();
        float[] start = values.toArray(ValueLayout.JAVA_FLOAT);
        Gradient gradient = training.gradient(inputs, targets, 1);
        List<String> slopes = new ArrayList<>();
        for (int i = 0; i < DIRECTIONS; i++) {
            double[] direction = random.doubles(start.length, -1, 1).toArray();
            move(values, start, direction, STEP);
            double above = training.error(inputs, targets);
            move(values, start, direction, -STEP);
            double below = training.error(inputs, targets);
            double measured = (above - below) / (2 * STEP);
            double expected = along(gradient, direction);
            double rounding = Math.ulp((float) above) / STEP; // Of the errors, by a unit each.
            if (Math.abs(measured - expected)
                    < 0.05 * Math.abs(expected) + Math.max(1e-4 * above, rounding)) {
                return;
            }
            slopes.add("%s for %s".formatted(expected, measured));
        }
        fail(view + ": " + slopes);
    }

    @Test
    void aWeightOfAnExpertThatNoTokenGoesToHasNoGradient() {
        onBlock(
                GoldenFamilies.of("mixtral"),
                1,
                (block, source, inputs, targets) -> {
                    try (Arena memory = Arena.ofShared();
                            var training =
                                    training(
                                            block,
                                            source,
                                            view -> view.tensor().contains(".experts."),
                                            1,
                                            memory)) {
                        Gradient gradient = training.gradient(inputs, targets(block, targets), 1);
                        List<Boolean> zero = new ArrayList<>();
                        for (Tensor each : gradient.tensors()) {
                            zero.add(each.abs().sum().item_float() == 0);
                            each.releaseReference();
                        }
                        assertTrue(zero.contains(true));
                        assertTrue(zero.contains(false));
                    }
                });
    }

    private interface Work {
        void with(
                Block block, Function<MatrixView, TensorView> source, Batch inputs, Batch targets);
    }

    /// The first block on one window of random states, with what it makes of others as the target.
    private void onBlock(Path directory, int length, Work work) {
        try (Checkpoint model = Checkpoint.open(directory);
                Arena memory = Arena.ofShared();
                Engine engine = new Engine(ComputeType.FP32, 1)) {
            Architecture architecture = Families.describe(model);
            Block block = architecture.blocks().getFirst();
            Function<MatrixView, TensorView> source = view -> model.map(view, memory);
            var layout =
                    new ActivationStore.Layout(
                            1,
                            length,
                            architecture.hidden(),
                            TorchBlock.stageWidth(architecture),
                            false,
                            ComputeType.FP32);
            try (var inputs =
                    new ActivationStore(layout, new ScratchSpace(Long.MAX_VALUE, scratch))) {
                fill(inputs.states());
                try (ActivationStore targets = inputs.copy();
                        var dense = new TorchBlock(block, source, ComputeType.FP32, length)) {
                    targets.forward(engine, dense, Progress.NONE);
                    fill(inputs.states());
                    engine.forEach(
                            1, _ -> work.with(block, source, inputs.batch(0), targets.batch(0)));
                }
            }
        }
    }

    /// The same for each state that the block goes through.
    private static List<Batch> targets(Block block, Batch target) {
        return Collections.nCopies(block.states(), target);
    }

    private static BlockTraining training(
            Block block,
            Function<MatrixView, TensorView> source,
            Predicate<MatrixView> trained,
            int length,
            Arena memory) {
        return new BlockTraining(
                block, source, trained, Map.of(), ComputeType.FP32, length, Device.HOST, memory);
    }

    private static double along(Gradient gradient, double[] direction) {
        try (var _ = new PointerScope()) {
            Tensor only = gradient.tensors().getFirst();
            FloatPointer values = only.contiguous().data_ptr_float();
            double sum = 0;
            for (int i = 0; i < direction.length; i++) {
                sum += values.get(i) * direction[i];
            }
            return sum;
        }
    }

    private static void move(MemorySegment values, float[] start, double[] direction, double step) {
        for (int i = 0; i < start.length; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (start[i] + step * direction[i]));
        }
    }

    private void fill(MemorySegment states) {
        for (long i = 0; i < states.byteSize() / Float.BYTES; i++) {
            states.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
    }
}
