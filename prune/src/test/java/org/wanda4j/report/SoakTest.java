package org.wanda4j.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

    /// Each round holds native memory in every way there is; only the ends of rounds compare.
    private static final int RUNS_A_ROUND = 12;

    private static final int ROUNDS = 17;
    private static final int WARM = 5;

    /// What may remain of 144 runs: a third of a megabyte of each.
    private static final long SLACK = 48L << 20;

    private static final Pattern MAPPING = Pattern.compile("([0-9a-f]+)-[0-9a-f]+ ");

    @TempDir private Path directory;

    /// @param nativeBytes resident above the first 4 GiB of addresses: a small Java heap, which comes and goes as the collector
    ///     likes, lies within them
    private record Footprint(long nativeBytes, long mappedFiles) {}

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "reads /proc")
    void twoHundredRunsGrowNeitherMemoryNorMappings() throws IOException {
        Corpus text = Corpus.bundledCalibration();
        List<Footprint> rounds = new ArrayList<>();
        for (int run = 0; run < ROUNDS * RUNS_A_ROUND; run++) {
            prune(run, text);
            if (run % RUNS_A_ROUND == RUNS_A_ROUND - 1) {
                rounds.add(footprint());
                System.out.println("after " + (run + 1) + " runs: " + rounds.getLast());
            }
        }
        Footprint warm = rounds.get(WARM - 1);
        Footprint last = rounds.getLast();
        assertTrue(last.nativeBytes() - warm.nativeBytes() < SLACK, rounds::toString);
        assertEquals(warm.mappedFiles(), last.mappedFiles(), rounds::toString);
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
        long bytes = 0;
        long files = 0;
        boolean counted = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            Matcher mapping = MAPPING.matcher(line);
            if (mapping.lookingAt()) {
                counted = Long.parseUnsignedLong(mapping.group(1), 16) >>> Integer.SIZE > 0;
                files += line.contains("/") ? 1 : 0;
            } else if (counted && line.startsWith("Rss:")) {
                bytes += Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
            }
        }
        return new Footprint(bytes, files);
    }
}
