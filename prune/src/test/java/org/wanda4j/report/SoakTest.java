package org.wanda4j.report;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.Pruner;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// Many runs in one process take no more memory than a few: nothing native waits for the garbage collector.
@Tag("slow")
class SoakTest {

    private static final int RUNS = 200;
    private static final int WARM = 50;

    /// What may remain of 150 runs: less than half a megabyte of each, where one run's weights alone are 5.
    private static final long SLACK = 64L << 20;

    @TempDir private Path directory;

    private record Footprint(long resident, long mappedFiles, long mappings) {}

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "reads /proc")
    void twoHundredRunsGrowNeitherMemoryNorMappings() throws IOException {
        Corpus text = Corpus.bundledCalibration();
        Footprint warm = null;
        for (int run = 0; run < RUNS; run++) {
            prune(run, text);
            if (run % 25 == 24) {
                System.gc();
                Footprint now = footprint();
                System.out.println("after " + (run + 1) + " runs: " + now);
                if (run + 1 == WARM) {
                    warm = now;
                }
            }
        }
        Footprint last = footprint();
        String grown = warm + " became " + last;
        assertTrue(last.resident() - warm.resident() < SLACK, grown);
        assertTrue(last.mappedFiles() <= warm.mappedFiles(), grown);
    }

    /// Every way in which a run holds native memory: both orders, both stores, both types, Gram matrices and none.
    private void prune(int run, Corpus text) {
        Recipe recipe =
                Recipe.DEFAULT
                        .withMethod(List.of("wanda", "sparsegpt", "admm").get(run % 3))
                        .withOrder(run % 2 == 0 ? CalibrationOrder.STAGE : CalibrationOrder.BLOCK)
                        .withType(run / 2 % 2 == 0 ? ComputeType.FP32 : ComputeType.BF16)
                        .withSampling(
                                new Recipe.Sampling(
                                        CalibrationSampler.PACKED, 4, OptionalInt.of(64), run));
        var settings = new RunSettings(2, run % 4 < 2 ? 0 : Long.MAX_VALUE, Progress.NONE);
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            Pruner.prune(checkpoint, recipe, text, directory.resolve("out"), true, settings);
        }
    }

    private static Footprint footprint() throws IOException {
        List<String> maps = Files.readAllLines(Path.of("/proc/self/maps"));
        return new Footprint(
                PeakMemory.resident().orElseThrow(),
                maps.stream().filter(line -> line.contains("/")).count(),
                maps.size());
    }
}
