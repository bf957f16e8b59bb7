package org.wanda4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;

/// The counts of the cost model against counts by hand, for the tiny Llama: 6 blocks; hidden 192, 6 heads of 32, 2 for keys and
/// values, intermediate 512; in bf16.
class WorkloadTest {

    /// Weights of a block: q 192 x 192, k and v 64 x 192, o 192 x 192, gate and up 512 x 192, down 192 x 512.
    private static final long DOWN = 192 * 512;

    private static final long BLOCK = 2 * 192 * 192 + 2 * 64 * 192 + 3 * DOWN;

    /// 8 windows of 256.
    private static final long TOKENS = 2048;

    /// Two slices of 128 queries see 128 and 256 keys; 6 heads of 32; scores and what they mix, 2 operations each.
    private static final double HEADS = 4 * (128 * 128 + 128 * 256) * 6 * 32;

    private static final Recipe RECIPE =
            Recipe.DEFAULT
                    .withType(ComputeType.FP32)
                    .withSampling(
                            new Recipe.Sampling(
                                    CalibrationSampler.PACKED, 8, OptionalInt.of(256), 0));

    @TempDir private Path directory;

    @Test
    void stageByStageEveryWindowGoesThroughABlockOnce() {
        Workload.Operations it = workload(RECIPE).operations();
        assertEquals(2.0 * TOKENS * (6 * BLOCK - DOWN), it.forward());
        assertEquals(6 * 8 * HEADS, it.attention());
        assertEquals(6.0 * TOKENS * (3 * 192 + 512), it.measured());
        assertEquals(6.0 * TOKENS * (6 * 192 + 3 * 512), it.activations());
        assertEquals(6.0 * BLOCK, it.chosen());
        assertEquals(0, it.gram() + it.shared() + it.update() + it.tuning());
    }

    @Test
    void blockByBlockTwiceButForTheLast() {
        Workload.Operations it = workload(RECIPE.withOrder(CalibrationOrder.BLOCK)).operations();
        assertEquals(2.0 * TOKENS * (11 * BLOCK - 6 * DOWN), it.forward());
        assertEquals(11 * 8 * HEADS, it.attention());
        assertEquals(6.0 * TOKENS * (3 * 192 + 512), it.measured());
    }

    @Test
    void methodsThatUpdateCountTheirMatrices() {
        double cubes = 3 * Math.pow(192, 3) + Math.pow(512, 3);
        double sweep = (double) (BLOCK - DOWN) * 192 + (double) DOWN * 512;
        Workload.Operations sparsegpt = workload(RECIPE.withMethod("sparsegpt")).operations();
        assertEquals(6.0 * TOKENS * (3 * 192 * 192 + 512 * 512), sparsegpt.gram());
        assertEquals(6 * 2.0 / 3 * cubes, sparsegpt.shared(), 1);
        assertEquals(6 * sweep, sparsegpt.update());
        Workload.Operations admm = workload(RECIPE.withMethod("admm")).operations();
        assertEquals(6 * cubes, admm.shared());
        assertEquals(6 * 40 * sweep, admm.update());
        assertEquals(6.0 * 15 * BLOCK, admm.chosen());
    }

    @Test
    void methodsThatGoByTheWeightsAloneRunNothing() {
        Workload it = workload(RECIPE.withMethod("magnitude"));
        assertEquals(0, it.tokens());
        assertEquals(0, it.operations().forward() + it.operations().attention());
        assertEquals(0, it.memory().activations());
        assertEquals(6 * BLOCK, it.parameters());
    }

    @Test
    void whatIsSkippedIsNotChosenFromButRun() {
        Workload all = workload(RECIPE);
        Workload some = workload(RECIPE.withLinears(List.of("*.0.*"), List.of()));
        assertEquals(5 * BLOCK, some.parameters());
        assertEquals(all.operations().forward(), some.operations().forward());
    }

    @Test
    void memoryIsTheStoreAndOneBlock() {
        Workload.Memory it = workload(RECIPE).memory();
        assertEquals(TOKENS * (192 + 512) * 4, it.activations());
        assertFalse(it.activationsInFile());
        assertEquals(2 * BLOCK, it.mapped());
        assertEquals(2 * BLOCK + 8 * BLOCK, it.weights()); // pruned, and both in fp32
        Workload.Memory inType = workload(RECIPE.withType(ComputeType.BF16)).memory();
        assertEquals(TOKENS * (192 + 512) * 2, inType.activations());
        assertEquals(2 * BLOCK, inType.weights());
    }

    /// Values, masks, two moments, a sum of gradients, the best so far, and the gradients of two batches of four windows.
    @Test
    void trainingHoldsABlockEightTimesAndTwoMoreStreams() {
        Recipe tuned = RECIPE.withTuning(Optional.of(Tuning.DEFAULT));
        assertTrue(workload(tuned).memory().update() > 8 * 4 * BLOCK);
        assertEquals(
                workload(RECIPE).memory().activations() + 2 * TOKENS * 192 * 4,
                workload(tuned).memory().activations());
        assertEquals(
                6 * 12 * (2.0 * TOKENS * BLOCK + 8 * HEADS), workload(tuned).operations().tuning());
    }

    @Test
    void aStoreThatIsTooLargeLiesInAFileAndTakesDisk() {
        var settings = new RunSettings(1, 1 << 20, Progress.NONE);
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            Workload it = Workload.of(Subject.of(checkpoint), RECIPE, settings);
            assertTrue(it.memory().activationsInFile());
            assertEquals(checkpoint.bytes() + it.memory().activations(), it.traffic().disk());
        }
    }

    @Test
    void aConfigurationAloneCountsTheSame() throws IOException {
        Files.copy(
                SharedFiles.tinyLlama().resolve("config.json"), directory.resolve("config.json"));
        Workload bare = Workload.of(Subject.described(directory), RECIPE, RunSettings.defaults());
        assertEquals(workload(RECIPE).operations(), bare.operations());
        assertEquals(workload(RECIPE).memory(), bare.memory());
    }

    /// No time is asserted: only that each kind of work that there is has a rate, and the sum is that of the phases.
    @Test
    void aPlanHasARateForAllWorkThatThereIs() {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            RunPlan plan =
                    RunPlan.of(
                            Subject.of(checkpoint),
                            RECIPE.withMethod("admm").withTuning(Optional.of(Tuning.DEFAULT)),
                            Corpus.bundledCalibration(),
                            directory,
                            new RunSettings(1, Long.MAX_VALUE, Progress.NONE));
            for (double rate :
                    new double[] {
                        plan.rates().linears(),
                        plan.rates().attention(),
                        plan.rates().activations(),
                        plan.rates().measured(),
                        plan.rates().gram(),
                        plan.rates().update(),
                        plan.rates().tuning(),
                        plan.rates().chosen(),
                        plan.rates().read(),
                        plan.rates().written(),
                        plan.rates().tokens()
                    }) {
                assertTrue(rate > 0, plan.rates()::toString);
            }
            assertEquals(
                    plan.phases().values().stream().mapToDouble(it -> it).sum(), plan.seconds());
            assertEquals(
                    plan.rates().programBytes() + plan.workload().memory().peak(),
                    plan.peakResidentBytes());
        }
    }

    private static Workload workload(Recipe recipe) {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            return Workload.of(Subject.of(checkpoint), recipe, RunSettings.defaults());
        }
    }
}
