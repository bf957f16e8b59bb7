package org.wanda4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.apache.spark.ExecutorLostFailure;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.JavaProcess;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.WindowRunner;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.cli.Main;
import org.wanda4j.prune.Recipe;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// A cluster of processes, and what happens to it.
class ClusterTest {

    /// Whatever takes longer than another task is slow.
    private static final Map<String, String> SPECULATION =
            Map.of(
                    "spark.speculation", "true",
                    "spark.speculation.interval", "2ms",
                    "spark.speculation.quantile", "0.25",
                    "spark.speculation.multiplier", "0.1",
                    "spark.speculation.minTaskRuntime", "1ms");

    @TempDir private static Path directory;

    private static StandaloneCluster cluster;
    private static SortedMap<String, String> expected;

    @BeforeAll
    static void start() throws IOException {
        SparkJob.settings().forEach(System::setProperty);
        cluster = new StandaloneCluster(directory.resolve("spark"));
        expected =
                SparkJob.digests(
                        SparkJob.prune(
                                SparkJob.WANDA, directory.resolve("local"), WindowRunner.LOCAL));
    }

    @AfterAll
    static void stop() {
        cluster.close();
    }

    /// Executors make the checkpoints, one of them is killed at that, and measure them packed.
    @Test
    void aComparisonIsThatOfALocalRun() throws IOException, InterruptedException {
        Path local = directory.resolve("grid-local");
        Process withoutCluster = compare(local, List.of());
        Path grid = directory.resolve("grid");
        Process driver = compare(grid, List.of("--spark", cluster.url()));
        Path begun = grid.resolve("models/wanda-0.5.json");
        while (driver.isAlive() && !Files.exists(begun)) {
            LockSupport.parkNanos(5_000_000);
        }
        cluster.killExecutors(0);
        assertEquals(0, driver.waitFor());
        assertEquals(0, withoutCluster.waitFor());
        assertEquals(figures(local), figures(grid));
    }

    private static Process compare(Path output, List<String> options) throws IOException {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "compare",
                                SharedFiles.tinyLlama().toString(),
                                "-o",
                                output.toString(),
                                "--methods",
                                "wanda,sparsegpt",
                                "--sparsities",
                                "0.5",
                                "--values",
                                "int8",
                                "--windows",
                                "8",
                                "--seqlen",
                                "64",
                                "--eval-seqlen",
                                "64",
                                "--eval-windows",
                                "8"));
        arguments.addAll(options);
        return JavaProcess.of(
                        SparkJob.settings().entrySet().stream()
                                .map(each -> "-D%s=%s".formatted(each.getKey(), each.getValue()))
                                .toList(),
                        Main.class,
                        arguments.toArray(String[]::new))
                .redirectOutput(Redirect.DISCARD)
                .redirectError(Redirect.INHERIT)
                .start();
    }

    /// The cells of a comparison without what depends on when and where they were made.
    private static JsonNode figures(Path output) {
        JsonNode cells = Json.read(output.resolve("comparison.json")).path("cells");
        assertEquals(3, cells.size());
        for (JsonNode cell : cells) {
            ((ObjectNode) cell).remove(List.of("seconds", "peakResidentBytes"));
        }
        return cells;
    }

    /// A driver is killed, and its run resumed: without the cluster, and by it. There an executor is killed within one block, a worker with
    /// its executor within another, and what they had is computed again; tasks that take longer than others are started a second time.
    @Test
    void whatIsKilledOrSlowDoesNotChangeTheOutput() throws IOException, InterruptedException {
        Path output = directory.resolve("resumed");
        Process driver =
                JavaProcess.of(List.of(), SparkJob.class, output.toString(), cluster.url())
                        .redirectError(Redirect.INHERIT)
                        .start();
        assertEquals('+', driver.getInputStream().read());
        driver.destroyForcibly().waitFor();
        Path local = directory.resolve("resumed-local");
        copy(partial(output), partial(local));
        SparkJob.prune(SparkJob.WANDA, local, WindowRunner.LOCAL, Progress.NONE, true);
        assertEquals(expected, SparkJob.digests(local));

        List<String> steps = new ArrayList<>();
        List<String> killed = new ArrayList<>();
        var copies = new AtomicInteger();
        var progress =
                new SparkJob.Steps(step -> {
                    steps.add(step);
                    if (step.equals("block 4/6 o")) {
                        cluster.killExecutors(0);
                        killed.add("executor");
                    } else if (step.equals("block 5/6 gate+up")) {
                        cluster.killWorker(1);
                        killed.add("worker");
                    }
                });
        SPECULATION.forEach(System::setProperty);
        try (WindowRunner spark = WindowRunner.spark(cluster.url())) {
            SparkContext.getOrCreate().addSparkListener(counting(copies));
            SparkJob.prune(SparkJob.WANDA, output, spark, progress, true);
        } finally {
            SPECULATION.keySet().forEach(System::clearProperty);
        }
        assertEquals("block 3/6 qkv", steps.getFirst());
        assertEquals(List.of("executor", "worker"), killed);
        assertTrue(copies.get() > 0);
        assertEquals(expected, SparkJob.digests(output));
    }

    /// An executor stands still before it is given a linear, and is killed when it has one.
    @Test
    void aLinearOfAKilledExecutorIsPrunedByAnother() {
        Recipe recipe = SparkJob.WANDA.withMethod("admm");
        Path local = SparkJob.prune(recipe, directory.resolve("admm-local"), WindowRunner.LOCAL);
        Path output = directory.resolve("admm");
        var killing = new PruningListener();
        try (WindowRunner spark = WindowRunner.spark(cluster.url())) {
            SparkContext context = SparkContext.getOrCreate();
            context.addSparkListener(killing);
            var progress =
                    new SparkJob.Steps(step -> {
                        if (step.equals("block 3/6 gate+up")) {
                            cluster.suspendExecutor(0, context);
                            killing.armed.set(true);
                        }
                    });
            SparkJob.prune(recipe, output, spark, progress, false);
        }
        assertTrue(killing.lost.get() > 0);
        assertTrue(killing.wide.get() > 0);
        assertEquals(SparkJob.digests(local), SparkJob.digests(output));
    }

    /// Kills an executor when a linear is given away, and counts what is lost by that, and the stages whose tasks have all cores of an
    /// executor.
    private static final class PruningListener extends SparkListener {

        private final AtomicBoolean armed = new AtomicBoolean();
        private final AtomicInteger lost = new AtomicInteger();
        private final AtomicInteger wide = new AtomicInteger();
        private final Set<Integer> stages = new HashSet<>();

        @Override
        public void onStageSubmitted(SparkListenerStageSubmitted stage) {
            if (SparkJob.isPruning(stage.stageInfo())) {
                stages.add(stage.stageInfo().stageId());
                wide.addAndGet(stage.stageInfo().resourceProfileId() == 0 ? 0 : 1);
            }
        }

        @Override
        public void onTaskStart(SparkListenerTaskStart task) {
            if (stages.contains(task.stageId()) && armed.getAndSet(false)) {
                cluster.killExecutors(0);
            }
        }

        @Override
        public void onTaskEnd(SparkListenerTaskEnd task) {
            if (stages.contains(task.stageId()) && task.reason() instanceof ExecutorLostFailure) {
                lost.incrementAndGet();
            }
        }
    }

    private static SparkListener counting(AtomicInteger copies) {
        return new SparkListener() {
            @Override
            public void onTaskStart(SparkListenerTaskStart task) {
                if (task.taskInfo().speculative()) {
                    copies.incrementAndGet();
                }
            }
        };
    }

    private static Path partial(Path output) {
        return output.resolveSibling(output.getFileName() + ".partial");
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> paths = Files.walk(from)) {
            for (Path path : paths.toList()) {
                Files.copy(path, to.resolve(from.relativize(path).toString()));
            }
        }
    }
}
