package org.wanda4j.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.JavaProcess;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.WindowRunner;

/// A cluster of processes, and what happens to it.
class ClusterTest {

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

    /// An executor is killed within one block, a worker with its executor within another; what they had is computed again.
    @Test
    void whatIsKilledDoesNotChangeTheOutput() {
        List<String> killed = new ArrayList<>();
        var progress =
                new SparkJob.Steps(step -> {
                    if (step.equals("block 2/6 o")) {
                        cluster.killExecutors(0);
                        killed.add("executor");
                    } else if (step.equals("block 4/6 gate+up")) {
                        cluster.killWorker(1);
                        killed.add("worker");
                    }
                });
        Path output = directory.resolve("killed");
        try (WindowRunner spark = WindowRunner.spark(cluster.url())) {
            SparkJob.prune(SparkJob.WANDA, output, spark, progress, false);
        }
        assertEquals(List.of("executor", "worker"), killed);
        assertEquals(expected, SparkJob.digests(output));
    }

    /// By a run on the cluster, and by one without it.
    @Test
    void aKilledDriverIsResumed() throws IOException, InterruptedException {
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
        try (WindowRunner spark = WindowRunner.spark(cluster.url())) {
            SparkJob.prune(SparkJob.WANDA, output, spark, new SparkJob.Steps(steps::add), true);
        }
        assertEquals(expected, SparkJob.digests(output));
        assertEquals("block 3/6 qkv", steps.getFirst());
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
