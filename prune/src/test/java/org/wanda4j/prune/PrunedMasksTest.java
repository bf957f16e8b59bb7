package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.Mask;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// The masks of a run are those that its methods chose, also after it was interrupted.
class PrunedMasksTest {

    private static final int BLOCKS = 6;
    private static final String SMALL = "model.layers.1.mlp.up_proj.weight";
    private static final RunSettings UNDISTURBED =
            new RunSettings(2, Long.MAX_VALUE, Progress.NONE);

    @TempDir private Path directory;

    private Path model;

    @BeforeEach
    void makeModel() throws IOException {
        model = directory.resolve("model");
        HalfCheckpoint.write(SharedFiles.tinyLlama(), SMALL, model);
    }

    @Test
    void aSurvivorThatRoundsToZeroStaysASurvivor() {
        Map<MatrixView, Mask> masks = prune("sparsegpt");
        Mask mask = masks.get(view(SMALL, masks));
        try (Checkpoint output = Checkpoint.open(directory.resolve("undisturbed"));
                Arena memory = Arena.ofConfined()) {
            TensorView weight = output.map(SMALL, memory);
            Mask zeros = SparsityProfile.zeros(weight);
            for (int row = 0; row < mask.rows(); row++) {
                for (int column = 0; column < mask.columns(); column++) {
                    assertTrue(!mask.get(row, column) || zeros.get(row, column));
                }
            }
            assertTrue(zeros.count() > mask.count() + 100, zeros.count() + " zeros");
        }
    }

    @Test
    void masksAreThoseOfTheReport() {
        Map<MatrixView, Mask> masks = new LinkedHashMap<>();
        PruneReport report =
                run("wanda", directory.resolve("undisturbed"), UNDISTURBED, false, collect(masks));
        List<LinearReport> linears =
                report.blocks().stream().flatMap(block -> block.linears().stream()).toList();
        assertEquals(
                linears.stream().map(LinearReport::removed).toList(),
                masks.values().stream().map(Mask::count).toList());
    }

    @ParameterizedTest
    @ValueSource(strings = {"magnitude", "sparsegpt"})
    void anInterruptedRunGoesOnToTheSameMasks(String method) {
        Map<MatrixView, Mask> expected = prune(method);
        Path output = directory.resolve("out");
        var stopping = new RunSettings(2, Long.MAX_VALUE, new StopIn("block 4/"));
        assertThrows(
                IllegalStateException.class, () -> run(method, output, stopping, false, _ -> {}));
        assertSame(expected, resume(method, output));
    }

    @Test
    void aRunThatIsInterruptedWhileItsMasksAreReadGoesOnToTheSame() {
        Map<MatrixView, Mask> expected = prune("wanda");
        Path output = directory.resolve("out");
        assertThrows(
                IllegalStateException.class,
                () ->
                        run(
                                "wanda",
                                output,
                                UNDISTURBED,
                                false,
                                _ -> {
                                    throw new IllegalStateException();
                                }));
        assertEquals("6 of 6 blocks are done", Pruner.left(output).orElseThrow());
        assertSame(expected, resume("wanda", output));
    }

    /// Ends a run when a block begins.
    private record StopIn(String block) implements Progress {

        @Override
        public void start(String what, long tokens) {}

        @Override
        public void advance(long tokens, String step) {
            if (step.startsWith(block)) {
                throw new IllegalStateException();
            }
        }
    }

    private Map<MatrixView, Mask> prune(String method) {
        Map<MatrixView, Mask> masks = new LinkedHashMap<>();
        run(method, directory.resolve("undisturbed"), UNDISTURBED, false, collect(masks));
        return masks;
    }

    private Map<MatrixView, Mask> resume(String method, Path output) {
        Map<MatrixView, Mask> masks = new LinkedHashMap<>();
        run(method, output, UNDISTURBED, true, collect(masks));
        return masks;
    }

    private static Consumer<PrunedMasks> collect(Map<MatrixView, Mask> into) {
        return masks -> {
            for (int block = 0; block < BLOCKS; block++) {
                into.putAll(masks.of(block));
            }
        };
    }

    private PruneReport run(
            String method,
            Path output,
            RunSettings settings,
            boolean resume,
            Consumer<PrunedMasks> masks) {
        Recipe recipe =
                Recipe.DEFAULT
                        .withMethod(method)
                        .withType(ComputeType.FP32)
                        .withSampling(
                                new Recipe.Sampling(
                                        Recipe.DEFAULT.sampling().sampler(),
                                        4,
                                        OptionalInt.of(64),
                                        0));
        try (Checkpoint source = Checkpoint.open(model)) {
            Corpus text = Corpus.bundledCalibration();
            return resume
                    ? Pruner.resume(source, recipe, text, output, false, settings, masks)
                    : Pruner.prune(source, recipe, text, output, false, settings, masks);
        }
    }

    private static MatrixView view(String tensor, Map<MatrixView, Mask> masks) {
        return masks.keySet().stream()
                .filter(view -> view.tensor().equals(tensor))
                .findFirst()
                .orElseThrow();
    }

    private static void assertSame(Map<MatrixView, Mask> expected, Map<MatrixView, Mask> actual) {
        assertEquals(List.copyOf(expected.keySet()), List.copyOf(actual.keySet()));
        assertEquals(42, actual.size());
        expected.forEach((view, mask) -> assertArrayEquals(mask.words(), actual.get(view).words()));
    }
}
