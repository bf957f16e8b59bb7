package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.Expected;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockSequence;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchDirectory;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Norm;
import org.wanda4j.model.Stage;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.DifferentiableBlock.Kept;
import org.wanda4j.torch.TorchBlock.Measured;

/// Devices: their names, and, by one that has shapes and no values, that all of a model's tensors get there and none is read back.
class DeviceTest {

    /// Families that libtorch can compute the shapes of: not where layers are normed to a mean of 0, for which it has no kernel
    /// outside of Python; nor experts, to whom goes what the host is told to bring there.
    static List<Path> cases() {
        return GoldenFamilies.all().stream().filter(DeviceTest::hasShapes).toList();
    }

    private static boolean hasShapes(Path directory) {
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            Architecture architecture = Families.describe(checkpoint);
            return architecture.head().norm().stream().allMatch(DeviceTest::isRms)
                    && architecture.blocks().stream()
                            .flatMap(block -> block.branches().stream())
                            .noneMatch(branch ->
                                    branch.mixer() instanceof Experts
                                            || !Stream.concat(
                                                            branch.before().stream(),
                                                            branch.behind().stream())
                                                    .allMatch(DeviceTest::isRms));
        }
    }

    private static boolean isRms(Norm norm) {
        return norm.kind() == Norm.Kind.RMS;
    }

    @Test
    void mostFamiliesAreLookedAt() {
        assertTrue(cases().size() >= 30, cases()::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cuda", "cuda:1"})
    void theBundledLibtorchHasNoCardAndSaysWhatHas(String name) {
        String message =
                assertThrows(InvalidInputException.class, () -> Device.named(name)).getMessage();
        assertTrue(message.startsWith("--device " + name + ": libtorch 2.10.0"), message);
        assertTrue(message.contains("pip install"), message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpu", "cuda:", "cuda:x", "CPU", ""})
    void otherNamesAreRefused(String name) {
        assertThrows(InvalidInputException.class, () -> Device.named(name));
    }

    @Test
    void autoIsTheProcessorWhereThereIsNoCard() {
        assertEquals(Device.HOST, Device.named("auto"));
        assertEquals(Device.HOST, Device.named("cpu"));
    }

    @Test
    void hiddenStatesGoToADeviceAndComeBack() {
        var layout = new ActivationStore.Layout(3, 4, 2, 5, true, ComputeType.FP32, 8);
        try (var scratch = new ScratchDirectory();
                var store =
                        new ActivationStore(
                                layout,
                                RunSettings.defaults().scratch(scratch.path()),
                                Device.EMULATED)) {
            for (int i = 0; i < 24; i++) {
                store.room().setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
                store.restore();
            }
            try (Engine engine = new Engine(ComputeType.FP32, 1, Device.EMULATED)) {
                engine.forEach(
                        store.batches(),
                        index -> {
                            Batch batch = store.batch(index);
                            batch.hidden().mul_(new Scalar(2));
                        });
            }
            float[] doubled = store.states().toArray(ValueLayout.JAVA_FLOAT);
            float[] expected = new float[24];
            for (int i = 0; i < 24; i++) {
                expected[i] = 2 * i;
            }
            assertArrayEquals(expected, doubled);
        }
    }

    /// From the embedding to the logits, with sums and products of all inputs on the way. The device has no values that could be
    /// read, and refuses operands of another one.
    @ParameterizedTest
    @MethodSource("cases")
    void noValueOfAModelIsReadBackNorLeftOnTheHost(Path directory) {
        try (var expected = new Expected(directory.resolve("expected.safetensors"));
                Checkpoint checkpoint = Checkpoint.open(directory);
                var scratch = new ScratchDirectory();
                Engine engine = new Engine(ComputeType.FP32, 1, Device.SHAPES)) {
            Architecture architecture = Families.describe(checkpoint);
            Windows windows = expected.windows("ids");
            var forward =
                    new LayerwiseForward(
                            checkpoint,
                            architecture,
                            engine,
                            RunSettings.defaults().scratch(scratch.path()),
                            windows.seqlen());
            List<Measured> measured = new ArrayList<>();
            try (ActivationStore store = forward.embedded(windows, true);
                    BlockSequence blocks = forward.blocks()) {
                while (blocks.hasNext()) {
                    try (LoadedBlock block = blocks.next()) {
                        engine.forEach(
                                store.batches(),
                                index -> along(block.torch(), store.batch(index), index, measured));
                    }
                }
                try (Arena memory = Arena.ofShared();
                        var head =
                                new TorchHead(
                                        architecture,
                                        view -> checkpoint.map(view, memory),
                                        ComputeType.FP32,
                                        Device.SHAPES)) {
                    engine.forEach(
                            1,
                            _ ->
                                    assertEquals(
                                            architecture.vocabulary(),
                                            head.logits(store.batch(0).hidden()).size(1)));
                }
            }
            assertEquals(
                    architecture.blocks().stream().mapToInt(it -> it.stages().size()).sum(),
                    measured.size());
            assertThrows(RuntimeException.class, () -> measured.getFirst().squares().get());
        }
    }

    /// Through a model's blocks and back, its weights trained by a step; only the norm of the gradient is read.
    @ParameterizedTest
    @MethodSource("cases")
    void noValueIsReadBackOnTheWayBackNorBySteps(Path directory) {
        try (Checkpoint checkpoint = Checkpoint.open(directory);
                Arena memory = Arena.ofShared();
                var scratch = new ScratchDirectory();
                Engine engine = new Engine(ComputeType.FP32, 1, Device.SHAPES)) {
            Architecture architecture = Families.describe(checkpoint);
            var layout =
                    new ActivationStore.Layout(
                            2,
                            6,
                            architecture.hidden(),
                            TorchBlock.stageWidth(architecture),
                            false,
                            ComputeType.FP32,
                            12);
            List<Variable> variables = new ArrayList<>();
            try (var before =
                            new ActivationStore(
                                    layout,
                                    RunSettings.defaults().scratch(scratch.path()),
                                    Device.SHAPES);
                    ActivationStore behind = before.copy()) {
                for (Block block : architecture.blocks()) {
                    Map<MatrixView, TrainedWeight> trained = new HashMap<>();
                    block.views()
                            .forEach(view ->
                                    trained.put(
                                            view,
                                            trained(
                                                    checkpoint.map(view, memory),
                                                    variables,
                                                    memory)));
                    try (var differentiable =
                            new DifferentiableBlock(
                                    block,
                                    trained,
                                    new FixedWeights(checkpoint::map, Device.SHAPES),
                                    ComputeType.FP32,
                                    6,
                                    memory)) {
                        engine.forEach(
                                1,
                                _ -> {
                                    try (Kept kept =
                                            differentiable.keep(before.batch(0), behind.batch(0))) {
                                        differentiable.backward(
                                                0, kept, behind.batch(0), new GradientSum());
                                    }
                                });
                    }
                }
                var optimiser = new Optimiser(engine, variables, false, memory);
                engine.forEach(1, _ -> optimiser.rules().forEach(it -> it.update(0, 1e-3, 1)));
                assertThrows(RuntimeException.class, () -> optimiser.step(0, 1e-3));
            }
        }
    }

    private static TrainedWeight trained(
            TensorView stored, List<Variable> variables, Arena memory) {
        TensorView value = Rounding.to(DType.F32, stored, memory);
        boolean matrix = value.shape().size() == 2;
        variables.add(new Variable(value, matrix, Device.SHAPES, memory));
        return new WholeWeight(variables.getLast());
    }

    private static void along(TorchBlock block, Batch batch, int index, List<Measured> measured) {
        for (Step step : block.steps()) {
            block.advanceTo(step, batch);
            block.measure(
                    step.stages(),
                    batch,
                    index,
                    false,
                    new TorchBlock.Sums() {
                        @Override
                        public Optional<GramSum> products(Stage stage) {
                            return Optional.of(
                                    GramSum.on(Device.SHAPES, stage.width(), ComputeType.FP32));
                        }

                        @Override
                        public void add(Stage stage, Measured sums) {
                            measured.add(sums);
                        }
                    });
        }
        block.finish(batch);
    }
}
