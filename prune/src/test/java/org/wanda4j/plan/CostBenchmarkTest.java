package org.wanda4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.ScratchSpace;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Stage;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.tune.Tuning;

/// What is measured of a block: no time is asserted, only that there is one of each kind of work, and that memory holds what it
/// must.
class CostBenchmarkTest {

    private static final Recipe RECIPE =
            Recipe.DEFAULT
                    .withType(ComputeType.FP32)
                    .withSampling(
                            new Recipe.Sampling(
                                    CalibrationSampler.PACKED, 8, OptionalInt.of(256), 0));

    @TempDir private Path directory;

    static List<Path> families() {
        return GoldenFamilies.all();
    }

    /// Parallel blocks, fused, transposed and 3-D tensors, experts: whatever parts a block has.
    @ParameterizedTest
    @MethodSource("families")
    void aBlockOfEveryFamilyIsPrunedWithRandomWeights(Path model) {
        Architecture architecture = Families.describe(model);
        Block block = architecture.blocks().getLast();
        var layout =
                new ActivationStore.Layout(
                        4,
                        16,
                        architecture.hidden(),
                        TorchBlock.stageWidth(architecture),
                        true,
                        ComputeType.FP32,
                        32);
        try (Arena memory = Arena.ofShared();
                Engine engine = new Engine(ComputeType.FP32, 2);
                var store =
                        new ActivationStore(layout, new ScratchSpace(layout.bytes(), directory))) {
            assertEquals(2, store.batches());
            var sample = new SampleBlock(block, DType.BF16, memory);
            var round = new BlockRound(sample, RECIPE, 2, Long.MAX_VALUE, memory);
            round.along(engine, store);
            for (Work work : List.of(Work.LOAD, Work.LINEARS, Work.NORMS, Work.SCORE)) {
                assertTrue(round.seconds().get(work) > 0, work::toString);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                """
                {"model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
                "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256}
                """,
                """
                {"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
                "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 8,
                "num_experts_per_tok": 2, "vocab_size": 32000}
                """,
                """
                {"model_type": "qwen3_moe", "hidden_size": 2048, "moe_intermediate_size": 768, "num_hidden_layers": 48,
                "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128,
                "num_experts_per_tok": 8, "vocab_size": 151936}
                """,
                """
                {"model_type": "gpt_neox", "hidden_size": 6144, "intermediate_size": 24576, "num_hidden_layers": 44,
                "num_attention_heads": 64, "vocab_size": 50432, "rotary_pct": 0.25}
                """
            })
    void aLargeBlockIsNarrowedToWhatWasAskedFor(String config) throws IOException {
        Files.writeString(directory.resolve("config.json"), config);
        Block block = ModelFootprint.described(directory).largestBlock();
        Block narrow = SampleBlock.narrowed(block, 5_000_000);
        assertEquals(5e6, (double) narrow.weights(), 2e6);
        assertEquals(block.steps().size(), narrow.steps().size());
        Stage last = narrow.stages().getLast();
        double share = block.shareOfTokens(block.stages().getLast());
        assertEquals(share, narrow.shareOfTokens(last));
        // One of the experts is a token's.
        assertEquals(share < 1 ? Math.round(1 / share) - 1 : 0, last.part());
        assertEquals(block.parallel(), narrow.parallel());
    }

    @Test
    void aSmallBlockIsLeftAsItIs() {
        Block block = Families.describe(SharedFiles.tinyLlama()).blocks().getFirst();
        assertEquals(block, SampleBlock.narrowed(block, 5_000_000));
    }

    @Test
    void aPlanHasARateForAllWorkThatThereIsAndItsMemoryHoldsTheStoreAndABlock() {
        RunPlan plan =
                plan(
                        RECIPE.withMethod("admm").withTuning(Optional.of(Tuning.DEFAULT)),
                        RunSettings.defaults());
        plan.workload()
                .work()
                .forEach((work, amount) -> {
                    assertTrue(amount > 0, work::toString);
                    assertTrue(plan.rates().get(work) > 0, work::toString);
                });
        assertEquals(plan.phases().values().stream().mapToDouble(it -> it).sum(), plan.seconds());
        ClusterPlan cluster = plan.cluster().orElseThrow();
        assertTrue(cluster.phases().get("select") < plan.phases().get("select"));
        assertTrue(cluster.networkBytes().get("pruned") > plan.modelBytes() / 2.0);
        Memory memory = plan.memory();
        // 2048 tokens of 192 hidden and 512 intermediate values, and three more streams of 192; in
        // fp32.
        assertEquals(2048 * (192 + 512 + 3 * 192) * 4, memory.activations());
        assertFalse(memory.activationsInFile());
        assertEquals(2 * 393_216, memory.weights());
        // Adam's moments, values, gradients and their sum, in fp32.
        assertTrue(memory.block() > 5 * 4 * 393_216, memory::toString);
        assertEquals(
                memory.program() + memory.activations() + memory.block(), plan.peakResidentBytes());
    }

    @Test
    void aStoreThatIsTooLargeLiesInAFileAndTakesDisk() {
        RunPlan plan = plan(RECIPE, new RunSettings(1, 1 << 20, Progress.NONE));
        assertTrue(plan.memory().activationsInFile());
        assertEquals(plan.modelBytes() + plan.memory().activations(), plan.diskBytes());
    }

    @Test
    void aClusterSharesTheWindowsAndNothingElse() {
        RunPlan plan = plan(RECIPE, new RunSettings(1, Long.MAX_VALUE, Progress.NONE));
        ClusterPlan cluster = plan.cluster().orElseThrow();
        int busiest = Math.ceilDiv(cluster.parts(), 4);
        assertEquals(
                plan.phases().get("linears") * busiest / cluster.parts(),
                cluster.phases().get("linears"),
                1e-9);
        assertEquals(plan.phases().get("select"), cluster.phases().get("select"));
        assertEquals(
                cluster.seconds(),
                cluster.phases().values().stream().mapToDouble(it -> it).sum(),
                1e-9);
        assertEquals(cluster.seconds(), cluster.curve().get(cluster.workers()), 1e-9);
    }

    private RunPlan plan(Recipe recipe, RunSettings settings) {
        try (Checkpoint checkpoint = Checkpoint.open(SharedFiles.tinyLlama())) {
            return RunPlan.of(
                    ModelFootprint.of(checkpoint),
                    recipe,
                    Optional.empty(),
                    Corpus.bundledCalibration(),
                    new RunPlan.Writing(600, 300),
                    directory,
                    settings,
                    Optional.of(new ClusterPlan.Size(2, 2)),
                    Optional.empty());
        }
    }
}
