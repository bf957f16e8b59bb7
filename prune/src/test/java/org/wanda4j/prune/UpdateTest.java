package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.report.PruneReport;
import org.wanda4j.report.PruneReport.BlockReport;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Rounding;
import org.wanda4j.tune.Tuning;

/// Whatever updates the weights, the zeros are those that were asked for; and what tuning and allocation promise.
class UpdateTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource({
        "ria",
        "sparsegpt",
        "admm",
        "ablate-mag-seq",
        "ablate-wanda-seq",
        "ablate-mag-iter",
        "ablate-wanda-iter"
    })
    void everyRunLosesItsShare(String method) {
        prune(recipe(method, new NofM(2, 4)));
        try (Checkpoint pruned = Checkpoint.open(directory.resolve("out"))) {
            SparsityProfile.of(pruned, Families.describe(pruned))
                    .forEach(linear ->
                            assertEquals(Optional.of("2:4"), linear.pattern(), linear.name()));
            assertZerosArePositive(pruned);
        }
    }

    /// A negative zero would cost a packed checkpoint as much as any other value.
    private static void assertZerosArePositive(Checkpoint pruned) {
        for (Linear linear : Families.describe(pruned).linears()) {
            try (Arena memory = Arena.ofConfined()) {
                TensorView weight = pruned.map(linear.weight(), memory);
                for (long i = 0; i < (long) linear.inputs() * linear.outputs(); i++) {
                    int bits = Float.floatToRawIntBits(weight.type().get(weight.data(), i));
                    assertTrue(bits != Integer.MIN_VALUE, linear.name());
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"sparsegpt,0.7", "admm,0.7", "admm,0", "ria,0.6"})
    void unstructuredSparsityIsReached(String method, double sparsity) {
        PruneReport report = prune(recipe(method, new Unstructured(sparsity)));
        assertEquals(sparsity, report.sparsity(), 0.003);
    }

    /// Values are rounded where they are written, not for the windows that go on: what is removed does not depend on the type of the
    /// file, and a last bit that differs does not become one of bf16.
    @ParameterizedTest
    @CsvSource({"sparsegpt, BLOCK", "ablate-mag-seq, STAGE", "admm, STAGE"})
    void aCheckpointInBf16BecomesWhatItBecomesInFp32Rounded(String method, CalibrationOrder order)
            throws IOException {
        Recipe recipe =
                recipe(method, new Unstructured(0.5)).withOrder(order).withType(ComputeType.FP32);
        Path wide = WideCheckpoint.of(SharedFiles.tinyLlama(), directory.resolve("wide"));
        prune(SharedFiles.tinyLlama(), recipe, directory.resolve("rounded"));
        prune(wide, recipe, directory.resolve("exact"));
        try (Checkpoint rounded = Checkpoint.open(directory.resolve("rounded"));
                Checkpoint exact = Checkpoint.open(directory.resolve("exact"));
                Arena memory = Arena.ofConfined()) {
            for (Linear linear : Families.describe(rounded).linears()) {
                TensorView actual = rounded.map(linear.weight(), memory);
                TensorView expected =
                        Rounding.to(actual.type(), exact.map(linear.weight(), memory), memory);
                assertEquals(-1, actual.data().mismatch(expected.data()), linear.name());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"OWL", "DLP", "LSA"})
    void anAllocationDiffersByBlockAndReachesTheWhole(Allocation allocation) {
        PruneReport report =
                prune(
                        recipe("wanda", new Unstructured(0.6))
                                .withAllocation(allocation, new LinkedHashMap<>()));
        assertEquals(0.6, report.sparsity(), 0.001);
        assertTrue(
                report.blocks().stream().mapToDouble(BlockReport::sparsity).distinct().count() > 2);
    }

    @Test
    void aFixedSparsityIsKeptAndTheOthersMakeUpForIt() {
        var fixed = new LinkedHashMap<String, Double>();
        fixed.put("*.0.*", 0.25);
        fixed.put("*down_proj", 0.4);
        PruneReport report =
                prune(
                        recipe("wanda", new Unstructured(0.5))
                                .withAllocation(Allocation.UNIFORM, fixed));
        assertEquals(0.5, report.sparsity(), 0.001);
        for (LinearReport linear : report.blocks().getFirst().linears()) {
            double wanted = linear.name().contains("down_proj") ? 0.4 : 0.25;
            assertEquals(wanted, linear.sparsity(), 0.01, linear.name());
        }
    }

    @Test
    void tuningLowersTheErrorOfEveryBlockOrKeepsItAndHoldsTheMasks() {
        Recipe recipe = recipe("wanda", new NofM(2, 4));
        PruneReport report = prune(recipe.withTuning(Optional.of(new Tuning(2, 3e-4))));
        double before = 0;
        double after = 0;
        for (BlockReport block : report.blocks()) {
            var tuned = block.tuned().orElseThrow();
            assertTrue(tuned.errorAfter() <= tuned.errorBefore());
            before += tuned.errorBefore();
            after += tuned.errorAfter();
        }
        assertTrue(after < 0.97 * before, after + " after " + before);
        try (Checkpoint pruned = Checkpoint.open(directory.resolve("out"))) {
            SparsityProfile.of(pruned, Families.describe(pruned))
                    .forEach(linear ->
                            assertEquals(Optional.of("2:4"), linear.pattern(), linear.name()));
        }
    }

    private static Recipe recipe(String method, SparsityPattern pattern) {
        return Recipe.DEFAULT
                .withMethod(method)
                .withPattern(pattern)
                .withSampling(
                        new Recipe.Sampling(CalibrationSampler.PACKED, 32, OptionalInt.of(64), 0));
    }

    private PruneReport prune(Recipe recipe) {
        return prune(SharedFiles.tinyLlama(), recipe, directory.resolve("out"));
    }

    private static PruneReport prune(Path dense, Recipe recipe, Path output) {
        try (Checkpoint model = Checkpoint.open(dense)) {
            return Pruner.prune(
                    model,
                    recipe,
                    Corpus.bundledCalibration(),
                    output,
                    true,
                    RunSettings.defaults());
        }
    }
}
