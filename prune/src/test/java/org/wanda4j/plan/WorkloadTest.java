package org.wanda4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.tune.Tuning;

/// The counts of the cost model against counts by hand; where nothing else is said, for the tiny Llama: 6 blocks; hidden 192, 6 heads of 32, 2 for keys and
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
        Map<Work, Double> it = workload(RECIPE).work();
        assertEquals(2.0 * TOKENS * (6 * BLOCK - DOWN), it.get(Work.LINEARS));
        assertEquals(6 * 8 * HEADS, it.get(Work.ATTENTION));
        assertEquals(6.0 * TOKENS * (3 * 192 + 512), it.get(Work.NORMS));
        assertEquals(6.0 * TOKENS * (3 * 192 + 512), it.get(Work.ACTIVATIONS));
        assertEquals(6.0 * BLOCK, it.get(Work.SCORE));
        assertEquals(6.0 * BLOCK, it.get(Work.LOAD));
        assertEquals(0, it.get(Work.GRAM) + it.get(Work.UPDATE) + it.get(Work.TUNE));
    }

    @Test
    void blockByBlockTwiceButForTheLast() {
        Map<Work, Double> it = workload(RECIPE.withOrder(CalibrationOrder.BLOCK)).work();
        assertEquals(2.0 * TOKENS * (11 * BLOCK - 6 * DOWN), it.get(Work.LINEARS));
        assertEquals(11 * 8 * HEADS, it.get(Work.ATTENTION));
        assertEquals(6.0 * TOKENS * (3 * 192 + 512), it.get(Work.NORMS));
    }

    @Test
    void anAllocationTakesOnePassMore() {
        Map<Work, Double> it =
                workload(RECIPE.withAllocation(Allocation.OWL, new LinkedHashMap<>())).work();
        assertEquals(2.0 * TOKENS * (12 * BLOCK - DOWN), it.get(Work.LINEARS));
        assertEquals(2 * 6.0 * TOKENS * (3 * 192 + 512), it.get(Work.NORMS));
    }

    @Test
    void methodsThatUpdateCountTheirMatrices() {
        double cubes = 3 * Math.pow(192, 3) + Math.pow(512, 3);
        double sweep = (double) (BLOCK - DOWN) * 192 + (double) DOWN * 512;
        Map<Work, Double> sparsegpt = workload(RECIPE.withMethod("sparsegpt")).work();
        assertEquals(6.0 * TOKENS * (3 * 192 * 192 + 512 * 512), sparsegpt.get(Work.GRAM));
        assertEquals(6 * (2.0 / 3 * cubes + sweep), sparsegpt.get(Work.UPDATE), 1);
        Map<Work, Double> admm = workload(RECIPE.withMethod("admm")).work();
        assertEquals(6 * (cubes + 40 * sweep), admm.get(Work.UPDATE));
        assertEquals(6.0 * 15 * BLOCK, admm.get(Work.SCORE));
    }

    @Test
    void methodsThatGoByTheWeightsAloneRunNothing() {
        Workload it = workload(RECIPE.withMethod("magnitude"));
        assertEquals(0, it.tokens());
        assertEquals(0, it.work().get(Work.LINEARS) + it.work().get(Work.ATTENTION));
        assertEquals(6 * BLOCK, it.parameters());
    }

    @Test
    void whatIsSkippedIsNotChosenFromButRun() {
        Workload all = workload(RECIPE);
        Workload some = workload(RECIPE.withLinears(List.of("*.0.*"), List.of()));
        assertEquals(5 * BLOCK, some.parameters());
        assertEquals(all.work().get(Work.LINEARS), some.work().get(Work.LINEARS));
    }

    /// Three passes an epoch, one for the targets, one of the tuned block.
    @Test
    void trainingTakesThreePassesAnEpoch() {
        Recipe tuned = RECIPE.withTuning(Optional.of(new Tuning(4, 1e-3)));
        assertEquals(
                6 * 14 * (2.0 * TOKENS * BLOCK + 8 * HEADS), workload(tuned).work().get(Work.TUNE));
    }

    /// Mixtral 8x7B: 32 blocks; hidden 4096, 32 heads of 128, 8 for keys and values; 8 experts of 14336, two for each token.
    @Test
    void aTokenGoesThroughTheExpertsThatAreChosenForIt() throws IOException {
        long attention = 2 * 4096L * 4096 + 2 * 1024L * 4096;
        long expert = 3 * 4096L * 14336;
        Workload it =
                described(
                        """
                        {"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
                        "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 8,
                        "num_experts_per_tok": 2, "vocab_size": 32000}
                        """);
        assertEquals(32 * (attention + 8 * expert), it.parameters());
        double used = 32 * (attention + 8 * 4096 + 2.0 * expert) - 2.0 * 4096 * 14336;
        assertEquals(2 * TOKENS * used, it.work().get(Work.LINEARS), 1e6);
        assertEquals(32.0 * (attention + 8 * 4096 + 8 * expert), it.work().get(Work.LOAD));
        double inputs = 2 * 4096 + 2 * (4096 + 14336);
        assertEquals(32 * TOKENS * inputs, it.work().get(Work.NORMS), 1);
    }

    /// Pythia 6.9B: 32 parallel blocks with fused queries, keys and values; hidden 4096, MLP of 16384.
    @Test
    void aParallelBlockOfFusedTensorsIsCountedByItsLinears() throws IOException {
        Workload it =
                described(
                        """
                        {"model_type": "gpt_neox", "hidden_size": 4096, "intermediate_size": 16384, "num_hidden_layers": 32,
                        "num_attention_heads": 32, "vocab_size": 50432, "rotary_pct": 0.25, "use_parallel_residual": true}
                        """);
        double block = 4 * 4096.0 * 4096 + 2 * 4096.0 * 16384;
        assertEquals(32 * block, (double) it.parameters());
        assertEquals(2 * TOKENS * (32 * block - 4096.0 * 16384), it.work().get(Work.LINEARS));
        assertEquals(32.0 * TOKENS * (3 * 4096 + 16384), it.work().get(Work.ACTIVATIONS));
    }

    @Test
    void aConfigurationAloneCountsTheSame() throws IOException {
        Files.copy(
                SharedFiles.tinyLlama().resolve("config.json"), directory.resolve("config.json"));
        Workload bare = Workload.of(ModelFootprint.described(directory), RECIPE);
        assertEquals(workload(RECIPE).work().get(Work.LINEARS), bare.work().get(Work.LINEARS));
        assertEquals(workload(RECIPE).parameters(), bare.parameters());
    }

    private Workload described(String config) throws IOException {
        Files.writeString(directory.resolve("config.json"), config);
        return Workload.of(ModelFootprint.described(directory), RECIPE);
    }

    private static Workload workload(Recipe recipe) {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            return Workload.of(ModelFootprint.of(checkpoint), recipe);
        }
    }
}
