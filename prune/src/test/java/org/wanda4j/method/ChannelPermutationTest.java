package org.wanda4j.method;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.Expected;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.ChannelPermutation.PermutableChannels;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Stage;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.ForwardPass;
import org.wanda4j.tune.Tuning;

/// Channels that change channels change neither what a model computes nor, pruned, which weights it is made of.
class ChannelPermutationTest {

    private static final Path FAMILIES = Path.of("src/test/resources/families");
    private static final float TOLERANCE = 1e-4f;
    private static final int RUN = 2;

    @TempDir private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"llama3", "llama-bias", "qwen2", "qwen3", "mistral", "opt", "opt-post"})
    void aModelWithItsChannelsInAnotherOrderComputesTheSame(String family) {
        try (var expected = new Expected(FAMILIES.resolve(family).resolve("expected.safetensors"));
                Checkpoint dense = Checkpoint.open(FAMILIES.resolve(family))) {
            Path output = directory.resolve("out");
            assertTrue(reorder(dense, output) > 0);
            try (Checkpoint ordered = Checkpoint.open(output)) {
                float[] logits =
                        ForwardPass.of(ordered, expected.windows("ids"), ComputeType.FP32).logits();
                float difference = Expected.largestDifference(logits, expected.floats("logits"));
                assertTrue(difference < TOLERANCE, "largest difference " + difference);
            }
        }
    }

    /// Writes `dense` with the inputs of every linear whose channels may move in the order of its weights' sizes.
    ///
    /// @return how many matrices differ
    private static int reorder(Checkpoint dense, Path output) {
        int moved = 0;
        try (Arena memory = Arena.ofShared();
                CheckpointWriter writer =
                        CheckpointWriter.resume(
                                dense,
                                OutputDirectory.claim(output, dense.directory(), false),
                                List.of())) {
            for (Block block : Families.describe(dense).blocks()) {
                for (Stage stage : List.of(block.stages().get(1), block.stages().get(3))) {
                    Linear reader = stage.linears().getFirst();
                    TensorView matrix = dense.map(reader.weight(), memory);
                    ChannelPermutation order =
                            ChannelPermutation.of(
                                    PermutableChannels.of(block, stage).orElseThrow(),
                                    Scores.abs(matrix),
                                    RUN);
                    TensorView columns = order.columns(matrix, memory);
                    moved += columns.data().mismatch(matrix.data()) < 0 ? 0 : 1;
                    assertEquals(
                            -1,
                            order.original(columns, memory).data().mismatch(matrix.data()),
                            "there and back");
                    writer.write(reader.weight(), columns.data());
                    order.writers().stream()
                            .flatMap(Linear::views)
                            .forEach(view ->
                                    writer.write(
                                            view,
                                            order.rows(dense.map(view, memory), memory).data()));
                }
            }
            writer.complete();
            writer.publish(Map.of());
        }
        return moved;
    }

    @Test
    void highScoresAreDealtOutToAllRuns() {
        float[] sums = {8, 7, 6, 5, 4, 3, 2, 1};
        var channels = new PermutableChannels(List.of(), 1, 1, sums.length);
        var order =
                ChannelPermutation.of(
                        channels,
                        new Scores() {
                            @Override
                            public int rows() {
                                return 1;
                            }

                            @Override
                            public int columns() {
                                return sums.length;
                            }

                            @Override
                            public void row(int row, float[] into) {
                                System.arraycopy(sums, 0, into, 0, sums.length);
                            }
                        },
                        4);
        var norms = new InputStatistics(sums, new float[0], 1, Optional.empty());
        assertArrayEquals(new float[] {8, 5, 4, 1, 7, 6, 3, 2}, order.apply(norms).norms());
    }

    @ParameterizedTest
    @CsvSource({"STAGE, false", "BLOCK, false", "STAGE, true"})
    void aPrunedModelConsistsOfTheSameChannels(CalibrationOrder order, boolean tuned) {
        Path output = directory.resolve("out");
        Recipe recipe =
                recipe("ria")
                        .withOrder(order)
                        .withTuning(tuned ? Optional.of(new Tuning(1, 3e-4)) : Optional.empty());
        try (Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama())) {
            prune(dense, recipe, output);
            try (Checkpoint pruned = Checkpoint.open(output);
                    Arena memory = Arena.ofConfined()) {
                Architecture architecture = Families.describe(pruned);
                SparsityProfile.of(pruned, architecture)
                        .forEach(linear ->
                                assertEquals(Optional.of("2:4"), linear.pattern(), linear.name()));
                if (!tuned) {
                    architecture
                            .blocks()
                            .forEach(block -> assertSameChannels(dense, pruned, block, memory));
                }
            }
        }
    }

    /// Each channel of the pruned MLP is one of the dense MLP, without some of its weights.
    private static void assertSameChannels(
            Checkpoint dense, Checkpoint pruned, Block block, Arena memory) {
        int width = mlp(block).down().inputs();
        Map<Linear, TensorView> before = new HashMap<>();
        Map<Linear, TensorView> after = new HashMap<>();
        List<Linear> parts =
                List.of(mlp(block).gate().orElseThrow(), mlp(block).up(), mlp(block).down());
        for (Linear part : parts) {
            before.put(part, dense.map(part.weight(), memory));
            after.put(part, pruned.map(part.weight(), memory));
        }
        int[] sources = new int[width];
        for (int channel = 0; channel < width; channel++) {
            int now = channel;
            int[] fitting =
                    IntStream.range(0, width)
                            .filter(old ->
                                    parts.stream()
                                            .allMatch(part ->
                                                    isMasked(
                                                            channel(before.get(part), old, width),
                                                            channel(after.get(part), now, width))))
                            .toArray();
            assertEquals(1, fitting.length, "channel " + channel);
            sources[channel] = fitting[0];
        }
        assertEquals(width, Arrays.stream(sources).distinct().count());
        assertFalse(Arrays.equals(sources, IntStream.range(0, width).toArray()));
    }

    /// The weights of a channel: a row of a matrix with `width` rows, a column of one with `width` columns.
    private static float[] channel(TensorView matrix, int channel, int width) {
        boolean row = matrix.rows() == width;
        float[] values = new float[row ? matrix.columns() : matrix.rows()];
        for (int i = 0; i < values.length; i++) {
            long at = row ? (long) channel * values.length + i : (long) i * width + channel;
            values[i] = matrix.type().get(matrix.data(), at);
        }
        return values;
    }

    private static boolean isMasked(float[] dense, float[] pruned) {
        return IntStream.range(0, dense.length)
                .allMatch(i -> pruned[i] == 0 || pruned[i] == dense[i]);
    }

    @Test
    void valuesStayWhereTheyAreWhenTheirLinearIsLeftAlone() {
        Path output = directory.resolve("out");
        try (Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama());
                Arena memory = Arena.ofConfined()) {
            prune(
                    dense,
                    recipe("ria").withLinears(List.of("*v_proj", "*up_proj"), List.of()),
                    output);
            try (Checkpoint pruned = Checkpoint.open(output)) {
                for (Block block : Families.describe(dense).blocks()) {
                    for (Linear kept :
                            List.of(
                                    block.attentions().findFirst().orElseThrow().value(),
                                    mlp(block).up())) {
                        assertEquals(
                                -1,
                                pruned.map(kept.weight(), memory)
                                        .data()
                                        .mismatch(dense.map(kept.weight(), memory).data()));
                    }
                }
            }
        }
    }

    @Test
    void anUnstructuredPatternLeavesChannelsWhereTheyAre() {
        Path output = directory.resolve("out");
        try (Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama());
                Arena memory = Arena.ofConfined()) {
            prune(dense, recipe("ria").withPattern(new Unstructured(0.5)), output);
            try (Checkpoint pruned = Checkpoint.open(output)) {
                Linear down = mlp(Families.describe(dense).blocks().getFirst()).down();
                TensorView before = dense.map(down.weight(), memory);
                TensorView after = pruned.map(down.weight(), memory);
                assertNotEquals(-1, before.data().mismatch(after.data()));
                for (int channel = 0; channel < down.inputs(); channel++) {
                    assertTrue(
                            isMasked(
                                    channel(before, channel, down.inputs()),
                                    channel(after, channel, down.inputs())));
                }
            }
        }
    }

    private static Recipe recipe(String method) {
        return Recipe.DEFAULT
                .withMethod(method)
                .withPattern(new NofM(2, 4))
                .withSampling(
                        new Recipe.Sampling(CalibrationSampler.PACKED, 16, OptionalInt.of(64), 0));
    }

    private static void prune(Checkpoint dense, Recipe recipe, Path output) {
        Pruner.prune(
                dense, recipe, Corpus.bundledCalibration(), output, true, RunSettings.defaults());
    }

    private static Mlp mlp(Block block) {
        return block.branches().stream()
                .map(Branch::mixer)
                .filter(Mlp.class::isInstance)
                .map(Mlp.class::cast)
                .findFirst()
                .orElseThrow();
    }
}
