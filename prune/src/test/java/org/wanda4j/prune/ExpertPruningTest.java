package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.Expected;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.WordModel;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.InputReport;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;

/// Mixtures of experts: which tokens their statistics are taken over, and what becomes of an expert that saw none.
class ExpertPruningTest {

    private static final int WINDOWS = 8;
    private static final int SEQLEN = 16;
    private static final int TOKENS = WINDOWS * SEQLEN;

    /// Three batches and a part of one, so that three threads have something to share.
    private static final int WINDOWS_OF_BATCHES = 200;

    @TempDir private Path directory;

    @Test
    void anExpertSeesTheTokensThatAreRoutedToIt() throws IOException {
        PruneReport report = prune("mixtral", "wanda", false);
        for (var block : report.blocks()) {
            for (String step : List.of("gate+up", "down")) {
                List<InputReport> experts = experts(block.inputs(), step);
                assertEquals(2 * TOKENS, experts.stream().mapToLong(InputReport::tokens).sum());
                assertTrue(experts.stream().mapToLong(InputReport::tokens).distinct().count() > 1);
            }
        }
    }

    @Test
    void everyExpertSeesEveryTokenWhereThatIsAskedFor() throws IOException {
        PruneReport report = prune("mixtral", "wanda", true);
        for (var block : report.blocks()) {
            List<InputReport> first = experts(block.inputs(), "gate+up");
            assertTrue(first.stream().allMatch(input -> input.tokens() == TOKENS));
            assertEquals(1, first.stream().map(InputReport::median).distinct().count());
            List<InputReport> second = experts(block.inputs(), "down");
            assertTrue(second.stream().allMatch(input -> input.tokens() == TOKENS));
            assertEquals(
                    second.size(), second.stream().map(InputReport::median).distinct().count());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"wanda", "sparsegpt"})
    void anExpertWithoutTokensIsPrunedByMagnitudeAndNamed(String method) throws IOException {
        String family = "qwen3_moe-idle-expert";
        PruneReport report;
        try (var expected =
                new Expected(GoldenFamilies.of(family).resolve("expected.safetensors"))) {
            List<int[]> ids = expected.windows("ids").ids();
            report = prune(family, method, text(ids), ids.size(), ids.getFirst().length);
        }
        Set<String> unseen = new HashSet<>();
        for (var block : report.blocks()) {
            for (InputReport input : experts(block.inputs(), "gate+up")) {
                if (input.tokens() == 0) {
                    String number = input.stage().replaceAll("\\D", "");
                    unseen.add("layers." + block.index() + ".mlp.experts." + number + ".");
                    String named = "block " + block.index() + " " + input.stage();
                    assertTrue(report.notes().stream().anyMatch(note -> note.contains(named)));
                }
            }
        }
        assertFalse(unseen.isEmpty(), "every expert saw a token");
        try (Checkpoint before = Checkpoint.open(directory.resolve("qwen3_moe-idle-expert"));
                Checkpoint after = Checkpoint.open(directory.resolve("out"));
                Arena memory = Arena.ofConfined()) {
            for (Linear linear : Families.describe(before).linears()) {
                if (unseen.stream().anyMatch(linear.name()::contains)) {
                    checkSmallestRemoved(
                            before.map(linear.weight(), memory),
                            after.map(linear.weight(), memory));
                }
            }
        }
    }

    /// In a matrix as narrow as this, SparseGPT's group of columns is the whole row; over all rows a threshold holds.
    private static void checkSmallestRemoved(TensorView before, TensorView after) {
        int count = before.rows() * before.columns();
        double[] removed = new double[count];
        double[] kept = new double[count];
        Arrays.fill(kept, Double.MAX_VALUE);
        boolean byRow = true;
        for (int i = 0; i < count; i++) {
            double size = Math.abs(before.type().get(before.data(), i));
            double now = after.type().get(after.data(), i);
            if (now == 0) {
                removed[i] = size;
            } else {
                kept[i] = size;
                assertEquals(size, Math.abs(now), "a weight was updated");
            }
        }
        for (int row = 0; row < before.rows(); row++) {
            int from = row * before.columns();
            int to = from + before.columns();
            double largest = Arrays.stream(removed, from, to).max().orElse(0);
            double smallest = Arrays.stream(kept, from, to).min().orElse(0);
            byRow &= largest <= smallest;
        }
        double largest = Arrays.stream(removed).max().orElse(0);
        double smallest = Arrays.stream(kept).min().orElse(0);
        assertTrue(byRow || largest <= smallest, before.name());
    }

    /// Where there is no memory for them, sums are taken expert by expert, and what becomes of the block lies in a file.
    @ParameterizedTest
    @CsvSource({
        "mixtral,wanda,STAGE,false",
        "mixtral,wanda,BLOCK,true",
        "mixtral,sparsegpt,STAGE,false",
        "mixtral,sparsegpt,BLOCK,false",
        "mixtral,magnitude,STAGE,false",
        "qwen2_moe,sparsegpt,STAGE,true",
        "granitemoe,wanda,STAGE,false",
        "granitemoe,sparsegpt,STAGE,false"
    })
    void neitherThreadsNorMemoryChangeTheOutput(
            String family, String method, CalibrationOrder order, boolean allExperts)
            throws IOException {
        Recipe recipe =
                Recipe.DEFAULT
                        .withMethod(method)
                        .withOrder(order)
                        .withSampling(
                                new Recipe.Sampling(
                                        CalibrationSampler.PACKED,
                                        WINDOWS_OF_BATCHES,
                                        OptionalInt.of(SEQLEN),
                                        0,
                                        allExperts));
        String words = WordModel.text(2 * WINDOWS_OF_BATCHES * SEQLEN, 7);
        prune(family, recipe, words, new RunSettings(1, Long.MAX_VALUE, Progress.NONE));
        Path first = Files.move(directory.resolve("out"), directory.resolve("first"));
        for (int threads = 1; threads <= 3; threads++) {
            prune(family, recipe, words, new RunSettings(threads, 1, Progress.NONE));
            assertEquals(
                    -1,
                    Files.mismatch(
                            first.resolve("model.safetensors"),
                            directory.resolve("out/model.safetensors")),
                    threads + " threads");
        }
    }

    private static List<InputReport> experts(List<InputReport> inputs, String step) {
        return inputs.stream()
                .filter(it -> it.stage().startsWith("expert") && it.stage().endsWith(step))
                .toList();
    }

    private static String text(List<int[]> ids) {
        return ids.stream()
                .flatMapToInt(Arrays::stream)
                .mapToObj(id -> "w" + id)
                .collect(Collectors.joining(" "));
    }

    private PruneReport prune(String family, String method, String text, int windows, int seqlen)
            throws IOException {
        var sampling =
                new Recipe.Sampling(CalibrationSampler.PACKED, windows, OptionalInt.of(seqlen), 0);
        return prune(family, method, text, sampling);
    }

    private PruneReport prune(String family, String method, boolean allExperts) throws IOException {
        var sampling =
                new Recipe.Sampling(
                        CalibrationSampler.PACKED, WINDOWS, OptionalInt.of(SEQLEN), 0, allExperts);
        return prune(family, method, WordModel.text(2 * TOKENS, 7), sampling);
    }

    private PruneReport prune(String family, String method, String words, Recipe.Sampling sampling)
            throws IOException {
        return prune(
                family,
                Recipe.DEFAULT.withMethod(method).withSampling(sampling),
                words,
                new RunSettings(2, Long.MAX_VALUE, Progress.NONE));
    }

    private PruneReport prune(String family, Recipe recipe, String words, RunSettings settings)
            throws IOException {
        Path model = directory.resolve(family);
        if (!Files.exists(model)) {
            WordModel.of(GoldenFamilies.of(family), directory);
        }
        Path text = Files.writeString(directory.resolve("text.txt"), words);
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return Pruner.prune(
                    checkpoint,
                    recipe,
                    Corpus.open(text),
                    directory.resolve("out"),
                    true,
                    settings);
        }
    }
}
