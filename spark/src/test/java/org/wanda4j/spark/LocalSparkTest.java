package org.wanda4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.Expected;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.WordModel;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.evaluate.Exam;
import org.wanda4j.evaluate.LastStates;
import org.wanda4j.evaluate.Perplexity;
import org.wanda4j.evaluate.Task;
import org.wanda4j.evaluate.ZeroShot;
import org.wanda4j.method.Methods;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.PruneReport;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;

/// Spark in this process.
class LocalSparkTest {

    private static final Recipe SPARSEGPT = SparkJob.WANDA.withMethod("sparsegpt");

    static final List<Recipe> SAME_BYTES =
            List.of(
                    SparkJob.WANDA,
                    SparkJob.WANDA_BLOCK,
                    SparkJob.WANDA.withMethod("ria"),
                    SparkJob.WANDA.withMethod("magnitude"),
                    SPARSEGPT.withType(ComputeType.FP32),
                    SPARSEGPT.withAllocation(Allocation.OWL, SPARSEGPT.sparsityOf()),
                    SparkJob.WANDA_BLOCK.withMethod("admm"));

    private static final String MASTER = "local[2]";

    /// Of the tiny model: seven in each of six blocks.
    private static final int LINEARS = 42;

    private static final Map<Recipe, Path> LOCAL_RUNS = new HashMap<>();

    @TempDir private static Path localRuns;

    private static WindowRunner spark;

    @TempDir private Path directory;

    @BeforeAll
    static void start() {
        SparkJob.settings().forEach(System::setProperty);
        spark = WindowRunner.spark(MASTER);
    }

    @AfterAll
    static void stop() {
        spark.close();
    }

    /// Linears are pruned by tasks where that takes time.
    @ParameterizedTest
    @FieldSource("SAME_BYTES")
    void theOutputIsThatOfALocalRun(Recipe recipe) throws TimeoutException {
        SortedMap<String, String> expected = SparkJob.digests(local(recipe));
        var counted = new AtomicInteger();
        SparkListener counter = pruningTasks(counted);
        SparkContext.getOrCreate().addSparkListener(counter);
        Path output = SparkJob.prune(recipe, out("spark"), spark);
        SparkContext.getOrCreate().listenerBus().waitUntilEmpty();
        SparkContext.getOrCreate().removeSparkListener(counter);
        assertEquals(expected, SparkJob.digests(output));
        boolean byTasks = Methods.named(recipe.method()).needs() == Statistic.GRAM;
        assertEquals(byTasks ? LINEARS : 0, counted.get());
    }

    private static SparkListener pruningTasks(AtomicInteger counted) {
        return new SparkListener() {
            @Override
            public void onStageCompleted(SparkListenerStageCompleted stage) {
                if (SparkJob.isPruning(stage.stageInfo())) {
                    counted.addAndGet(stage.stageInfo().numTasks());
                }
            }
        };
    }

    @Test
    void noWorkIsNoJob() {
        Workers workers = spark.workers().orElseThrow();
        Workers.Work<String, String> work = (item, _) -> item;
        workers.forEach(List.of(), work, (_, result) -> fail(result));
        workers.forEachWide(List.of(), work, (_, result) -> fail(result));
    }

    /// One expert sees no token: the driver prunes it.
    @Test
    void expertsArePrunedAsInALocalRun() throws IOException {
        Path golden = GoldenFamilies.of("qwen3_moe-idle-expert");
        Path text = out("text.txt");
        int length;
        int windows;
        try (var expected = new Expected(golden.resolve("expected.safetensors"))) {
            Windows ids = expected.windows("ids");
            length = ids.seqlen();
            windows = ids.count();
            Files.writeString(
                    text,
                    ids.ids().stream()
                            .flatMapToInt(Arrays::stream)
                            .mapToObj(id -> "w" + id)
                            .collect(Collectors.joining(" ")));
        }
        var sampling =
                new Recipe.Sampling(CalibrationSampler.PACKED, windows, OptionalInt.of(length), 0);
        Recipe recipe = SPARSEGPT.withSampling(sampling);
        try (Checkpoint model = Checkpoint.open(WordModel.of(golden, directory))) {
            Corpus corpus = Corpus.open(text);
            RunSettings settings = RunSettings.defaults();
            PruneReport local = Pruner.prune(model, recipe, corpus, out("local"), false, settings);
            PruneReport cluster =
                    Pruner.prune(
                            model, recipe, corpus, out("spark"), false, settings.withRunner(spark));
            assertTrue(local.notes().stream().anyMatch(note -> note.contains("no token")));
            assertEquals(local.notes(), cluster.notes());
        }
        assertEquals(SparkJob.digests(out("local")), SparkJob.digests(out("spark")));
    }

    /// What a run without Spark gives; several tests compare with the same one.
    private static Path local(Recipe recipe) {
        Path output = localRuns.resolve(String.valueOf(LOCAL_RUNS.size()));
        return LOCAL_RUNS.computeIfAbsent(
                recipe, each -> SparkJob.prune(each, output, WindowRunner.LOCAL));
    }

    /// To the last digit: parts are whole batches, and the driver adds up what they gave in the order of a local run.
    @Test
    void perplexityAndDivergenceAreThoseOfALocalRun() {
        Path pruned = local(SparkJob.WANDA.withMethod("magnitude"));
        Perplexity local = perplexity(pruned, WindowRunner.LOCAL);
        Perplexity cluster = perplexity(pruned, spark);
        assertEquals(local.perplexity(), cluster.perplexity());
        assertEquals(local.divergence(), cluster.divergence());
        assertTrue(cluster.divergence().isPresent());
    }

    private static Perplexity perplexity(Path directory, WindowRunner runner) {
        var protocol =
                new Perplexity.Protocol(OptionalInt.of(64), OptionalInt.of(56), Optional.empty());
        RunSettings settings = RunSettings.defaults().withRunner(runner);
        Corpus text = EvaluationText.beginning();
        try (Checkpoint model = Checkpoint.open(directory);
                Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama());
                LastStates reference = LastStates.of(dense, text, protocol, settings)) {
            return Perplexity.measure(model, text, protocol, Optional.of(reference), settings);
        }
    }

    /// Each answer counts for its own question: of another one it would be right by chance.
    @Test
    void answersAreThoseOfALocalRun() throws IOException {
        String[] words = EvaluationText.beginning().text().split("\\P{Alpha}+", -1);
        List<String> items = new ArrayList<>();
        for (int i = 1; i <= 60; i++) {
            items.add(
                    "{\"query\": \"%s %s\", \"choices\": [\"%s\", \"%s\"], \"label\": %d}"
                            .formatted(
                                    words[5 * i],
                                    words[5 * i + 1],
                                    words[5 * i + 2],
                                    words[5 * i + 3],
                                    i % 2));
        }
        Exam exam =
                Exam.read(
                        Task.HELLASWAG,
                        Files.write(out("items.jsonl"), items),
                        OptionalInt.empty());
        ZeroShot local = answers(exam, WindowRunner.LOCAL);
        ZeroShot cluster = answers(exam, spark);
        assertEquals(local.accuracy(), cluster.accuracy());
        assertEquals(local.accuracyNorm(), cluster.accuracyNorm());
        assertEquals(60, cluster.items());
    }

    private static ZeroShot answers(Exam exam, WindowRunner runner) {
        RunSettings settings = RunSettings.defaults().withRunner(runner);
        try (Checkpoint model = Checkpoint.open(SharedFiles.tinyLlama())) {
            return ZeroShot.measure(model, exam, Optional.empty(), settings);
        }
    }

    @Test
    void tuningIsRefused() {
        Recipe tuned = SparkJob.WANDA.withTuning(Optional.of(Tuning.DEFAULT));
        var refused =
                assertThrows(
                        InvalidInputException.class,
                        () -> SparkJob.prune(tuned, out("tuned"), spark));
        assertTrue(refused.getMessage().contains("--no-tune"), refused.getMessage());
        assertFalse(Files.exists(out("tuned")));
    }

    /// Four batches.
    @Nested
    class InThreeParts {

        private static final String PARTS = "spark.default.parallelism";

        @BeforeAll
        static void startAgain() {
            spark.close();
            System.setProperty(PARTS, "3");
            spark = WindowRunner.spark(MASTER);
        }

        @AfterAll
        static void forget() {
            System.clearProperty(PARTS);
        }

        @Test
        void theNumberOfPartsDoesNotChangeTheOutput() throws TimeoutException {
            theOutputIsThatOfALocalRun(SparkJob.WANDA);
        }

        /// Gram matrices are added up in another order. By that some scores change places; ADMM goes on with what it made of them.
        @ParameterizedTest
        @CsvSource({"sparsegpt, 0.999", "admm, 0.99"})
        void masksOfMethodsWithGramMatricesDifferWhereScoresAreNearlyEqual(
                String method, double least) {
            Recipe recipe =
                    SAME_BYTES.stream()
                            .filter(it -> it.method().equals(method))
                            .findFirst()
                            .orElseThrow();
            Path local = local(recipe);
            Path cluster = SparkJob.prune(recipe, out("spark"), spark);
            assertNotEquals(SparkJob.digests(local), SparkJob.digests(cluster));
            double same = SparkJob.sameZeros(local, cluster);
            assertTrue(same >= least, method + ": " + same);
        }
    }

    private Path out(String name) {
        return directory.resolve(name);
    }
}
