package org.wanda4j.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.recover.Recovery.Objective;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.MirroredTensor;
import org.wanda4j.torch.Variable;

/// Gradients of whole models, of every family, against differences of the loss itself.
class ModelPassTest {

    private static final int LENGTH = 6;
    private static final int WINDOWS = 3;
    private static final int DIRECTIONS = 4;

    /// Changes values by some thousandths of their size.
    private static final double STEP = 2e-3;

    @TempDir private Path directory;

    private Device device = Device.HOST;

    private static final Objective LOGITS = new Objective.Logits(1.5, 0);

    private final Random random = new Random(3);

    static Stream<Path> families() {
        return GoldenFamilies.all().stream();
    }

    private interface Work {
        void with(ModelPass pass, Student student, List<int[]> ids);
    }

    /// Of all that is trained together.
    @ParameterizedTest
    @MethodSource("families")
    void theGradientOfTheWholeModelIsTheSlopeOfItsLoss(Path model) {
        assertSlope(model, new Scope.All(), LOGITS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama3", "gpt2", "gemma2", "phi3", "qwen2_moe"})
    void thatOfNormsAndBiasesIsToo(String family) {
        assertSlope(GoldenFamilies.of(family), new Scope.Norms(), LOGITS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama3", "gpt2", "phi3", "mixtral"})
    void thatOfThinFactorsIsToo(String family) {
        assertSlope(GoldenFamilies.of(family), new Scope.LowRank(4, 8), LOGITS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama3", "gemma2", "opt-post"})
    void thatOfHiddenStatesIsToo(String family) {
        assertSlope(GoldenFamilies.of(family), new Scope.All(), new Objective.Logits(1, 20));
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama3", "gpt2"})
    void thatOfTextIsToo(String family) {
        assertSlope(GoldenFamilies.of(family), new Scope.All(), new Objective.Text());
    }

    /// By the operations of a device, all windows at once.
    @ParameterizedTest
    @MethodSource("onDevices")
    void soAreThoseOfADevice(String family, Scope scope, Objective objective) {
        device = Device.EMULATED;
        assertSlope(GoldenFamilies.of(family), scope, objective);
    }

    static Stream<Arguments> onDevices() {
        Objective hidden = new Objective.Logits(1, 20);
        Objective text = new Objective.Text();
        return Stream.concat(
                Stream.of("llama3", "gpt2", "gemma2", "bloom", "mixtral")
                        .map(family -> Arguments.of(family, new Scope.All(), LOGITS)),
                Stream.of(
                        Arguments.of("phi3", new Scope.Norms(), LOGITS),
                        Arguments.of("llama3", new Scope.LowRank(4, 8), LOGITS),
                        Arguments.of("mixtral", new Scope.LowRank(4, 8), LOGITS),
                        Arguments.of("llama3", new Scope.All(), hidden),
                        Arguments.of("gpt2", new Scope.All(), text)));
    }

    /// In one of a few directions: a kink of an activation, or a token that goes to another expert, is in the way of some.
    private void assertSlope(Path model, Scope scope, Objective objective) {
        onPruned(
                model,
                scope,
                objective,
                2,
                Long.MAX_VALUE,
                (pass, student, ids) -> {
                    List<Variable> variables = student.variables();
                    // Factors that are zero have nowhere to go but along the gradient.
                    if (scope instanceof Scope.LowRank) {
                        List<float[]> zeros = values(variables, Variable::value);
                        move(variables, zeros, random(zeros, 0.05), 1);
                    }
                    double loss = pass.gradient(ids);
                    List<float[]> start = values(variables, Variable::value);
                    List<float[]> gradient = values(variables, Variable::gradient);
                    assertEquals(loss, pass.loss(new Windows(LENGTH, ids)), 1e-4 * loss);
                    List<String> slopes = new ArrayList<>();
                    for (int i = 0; i < DIRECTIONS; i++) {
                        List<float[]> way = direction(start);
                        double expected = along(gradient, way);
                        move(variables, start, way, STEP);
                        double above = pass.loss(new Windows(LENGTH, ids));
                        move(variables, start, way, -STEP);
                        double below = pass.loss(new Windows(LENGTH, ids));
                        double measured = (above - below) / (2 * STEP);
                        if (Math.abs(measured - expected)
                                < 0.03 * Math.abs(expected) + 1e-3 * above) {
                            return;
                        }
                        slopes.add("%s for %s".formatted(expected, measured));
                    }
                    fail(slopes.toString());
                });
    }

    /// Nor on whether blocks are computed once more on the way back.
    @Test
    void theGradientDoesNotDependOnThreadsAndMemory() {
        List<List<float[]>> gradients = new ArrayList<>();
        Path model = GoldenFamilies.of("mixtral");
        for (long memory : new long[] {Long.MAX_VALUE, 0}) {
            for (int threads : new int[] {1, 3}) {
                onPruned(
                        model,
                        new Scope.All(),
                        LOGITS,
                        threads,
                        memory,
                        (pass, student, ids) -> {
                            pass.gradient(ids);
                            gradients.add(values(student.variables(), Variable::gradient));
                        });
            }
        }
        for (List<float[]> other : gradients) {
            for (int i = 0; i < other.size(); i++) {
                assertEquals(-1, Arrays.mismatch(gradients.getFirst().get(i), other.get(i)));
            }
        }
    }

    @Test
    void theLossOfATeacherWithItselfIsNothing() {
        with(
                GoldenFamilies.of("llama3"),
                GoldenFamilies.of("llama3"),
                new Scope.All(),
                LOGITS,
                2,
                Long.MAX_VALUE,
                (pass, student, ids) -> {
                    assertEquals(0, pass.gradient(ids), 1e-6);
                    for (float[] gradient : values(student.variables(), Variable::gradient)) {
                        for (float each : gradient) {
                            assertTrue(Math.abs(each) < 1e-5);
                        }
                    }
                });
    }

    private void onPruned(
            Path model,
            Scope scope,
            Objective objective,
            int threads,
            long memoryLimit,
            Work work) {
        Path pruned = directory.resolve("pruned-%d-%d".formatted(threads, memoryLimit));
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Pruner.prune(
                    checkpoint,
                    Recipe.DEFAULT.withMethod("magnitude"),
                    Corpus.bundledCalibration(),
                    pruned,
                    false,
                    RunSettings.defaults().withThreads(1));
        }
        with(pruned, model, scope, objective, threads, memoryLimit, work);
    }

    private void with(
            Path model,
            Path teacher,
            Scope scope,
            Objective objective,
            int threads,
            long memoryLimit,
            Work work) {
        try (Checkpoint pruned = Checkpoint.open(model);
                Checkpoint dense = Checkpoint.open(teacher);
                Arena memory = Arena.ofShared();
                Engine engine = new Engine(ComputeType.FP32, threads, device)) {
            Architecture architecture = Families.describe(pruned);
            var ids = new Random(7);
            try (var student =
                            new Student(
                                    pruned,
                                    architecture,
                                    scope,
                                    Optional.empty(),
                                    ComputeType.FP32,
                                    LENGTH,
                                    0,
                                    device,
                                    memory);
                    var pass =
                            new ModelPass(
                                    engine,
                                    student,
                                    objective instanceof Objective.Text
                                            ? Optional.empty()
                                            : Optional.of(
                                                    new Teacher(
                                                            dense, architecture, ComputeType.FP32)),
                                    objective,
                                    WINDOWS,
                                    LENGTH,
                                    new ScratchSpace(memoryLimit, directory))) {
                work.with(
                        pass,
                        student,
                        IntStream.range(0, WINDOWS)
                                .mapToObj(_ ->
                                        ids.ints(LENGTH, 0, architecture.vocabulary()).toArray())
                                .toList());
            }
        }
    }

    private interface Part {
        MirroredTensor of(Variable variable);
    }

    private static List<float[]> values(List<Variable> variables, Part part) {
        return variables.stream()
                .map(part::of)
                .map(it -> {
                    it.download();
                    return it.data().toArray(ValueLayout.JAVA_FLOAT);
                })
                .toList();
    }

    /// Random, each variable in units of its own size.
    private List<float[]> direction(List<float[]> values) {
        List<float[]> direction = new ArrayList<>();
        for (float[] each : values) {
            double size = 0;
            for (float value : each) {
                size += value * value / each.length;
            }
            float[] way = new float[each.length];
            for (int i = 0; i < way.length; i++) {
                way[i] = (float) (Math.sqrt(size) * random.nextGaussian());
            }
            direction.add(way);
        }
        return direction;
    }

    private List<float[]> random(List<float[]> shape, double size) {
        return shape.stream()
                .map(each -> {
                    float[] values = new float[each.length];
                    for (int i = 0; i < values.length; i++) {
                        values[i] = (float) (size * random.nextGaussian());
                    }
                    return values;
                })
                .toList();
    }

    private static double along(List<float[]> gradient, List<float[]> direction) {
        double sum = 0;
        for (int i = 0; i < gradient.size(); i++) {
            for (int j = 0; j < gradient.get(i).length; j++) {
                sum += (double) gradient.get(i)[j] * direction.get(i)[j];
            }
        }
        return sum;
    }

    private static void move(
            List<Variable> variables, List<float[]> start, List<float[]> way, double step) {
        for (int i = 0; i < start.size(); i++) {
            MemorySegment values = variables.get(i).value().data();
            for (int j = 0; j < start.get(i).length; j++) {
                values.setAtIndex(
                        ValueLayout.JAVA_FLOAT,
                        j,
                        (float) (start.get(i)[j] + step * way.get(i)[j]));
            }
            variables.get(i).value().upload();
        }
    }
}
