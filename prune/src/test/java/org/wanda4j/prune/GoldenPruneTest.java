package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.SharedFiles;
import org.wanda4j.SmolLm2;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.Safetensors;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.evaluate.Perplexity;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.text.CalibrationSampler;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;

/// Whole runs, in the reference's order and precision, against what the reference implementation removes and what
/// perplexity that leaves.
class GoldenPruneTest {

    private static final double MASKS_EQUAL = 0.999;
    private static final double PERPLEXITY_WITHIN = 0.005;

    /// Of the masks of a first block, where no block before it has spread what differs in the last bit: three sets of kernels, and
    /// fp64, gave up to 10 of SmolLM2's 3,538,944 weights another fate (docs/methods.md, "From machine to machine").
    private static final double FIRST_BLOCK_DIFFERS = 1e-5;

    /// In the rows whose masks agree; a value that lies between two of bf16 may become either: 6e-5 was seen.
    private static final double WEIGHTS_WITHIN = 2e-4;

    private static final double ROWS_AGREE = 0.99;
    private static final Path TINY = Path.of("src/test/resources/golden/tiny");

    private static final RunSettings ON_DEVICE = RunSettings.defaults().withDevice(Device.EMULATED);

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource({
        "magnitude,     unstructured, magnitude50, 77.8621",
        "wanda,         unstructured, wanda50,     78.6051",
        "wanda,         2:4,          wanda24,     84.3906",
        "wanda,         4:8,          wanda48,     81.1446",
        "wanda-variant, unstructured, wandavar,    78.8482",
    })
    void tinyLlamaLosesTheWeightsThatTheReferenceRemoves(
            String method, String pattern, String golden, double perplexity) {
        Path output = prune(SharedFiles.tinyLlama(), recipe(method, pattern, 128));
        double required = method.equals("magnitude") ? 1 : MASKS_EQUAL;
        double agreement = agreement(output, TINY.resolve(golden + ".safetensors"), "");
        assertTrue(agreement >= required, "masks agree in " + agreement);
        assertEquals(perplexity, perplexity(output, 256, 40), perplexity * PERPLEXITY_WITHIN);
    }

    /// Perplexity of the unstructured ones is up to 0.015 % away, as the reference's weights were not rounded to bf16. No mask of
    /// them was seen to differ but those of `ablate-mag-iter`: 0.03 % with one set of kernels, from two weights of the first block on.
    /// A run of 2:4 is chosen from what the sweep made of it, so that a choice that differs changes those to its right: 0.4 % of
    /// all in six blocks, by three sets of kernels that agree with each other.
    ///
    /// @param differing share of the masks of all blocks that may
    /// @param within how far perplexity may be away, as a share
    @ParameterizedTest
    @CsvSource({
        "sparsegpt,         unstructured, sparsegpt50,       76.9877, 1e-4, 0.001",
        "sparsegpt,         2:4,          sparsegpt24,       79.3443, 0.02, 0.01",
        "ablate-mag-seq,    unstructured, ablate_mag_seq,    76.8000, 1e-4, 0.001",
        "ablate-wanda-seq,  unstructured, ablate_wanda_seq,  77.6890, 1e-4, 0.001",
        "ablate-mag-iter,   unstructured, ablate_mag_iter,   76.4024, 1e-3, 0.001",
        "ablate-wanda-iter, unstructured, ablate_wanda_iter, 76.8676, 1e-4, 0.001",
    })
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void tinyLlamaIsUpdatedAsTheReferenceUpdatesIt(
            String method,
            String pattern,
            String golden,
            double perplexity,
            double differing,
            double within) {
        Path output = prune(SharedFiles.tinyLlama(), recipe(method, pattern, 128));
        Path expected = SharedFiles.shared("golden/tiny/" + golden + ".safetensors");
        assertUpdated(output, expected);
        double agreement = agreement(output, expected, "");
        assertTrue(agreement >= 1 - differing, "masks agree in " + agreement);
        assertEquals(perplexity, perplexity(output, 256, 40), perplexity * within);
    }

    @ParameterizedTest
    @CsvSource({
        "magnitude,       unstructured, magnitude50,    77.8621",
        "wanda,           unstructured, wanda50,        78.6051",
        "wanda,           2:4,          wanda24,        84.3906",
        "sparsegpt,       unstructured, sparsegpt50,    76.9877",
        "ablate-mag-seq,  unstructured, ablate_mag_seq, 76.8000",
    })
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void theOperationsOfADeviceRemoveTheSame(
            String method, String pattern, String golden, double perplexity) {
        Path output = prune(SharedFiles.tinyLlama(), recipe(method, pattern, 128), ON_DEVICE);
        Path expected = SharedFiles.shared("golden/tiny/" + golden + ".safetensors");
        double agreement = agreement(output, expected, "");
        assertTrue(agreement >= MASKS_EQUAL, "masks agree in " + agreement);
        double actual = perplexity(output, 256, 40, ON_DEVICE);
        assertEquals(perplexity, actual, perplexity * PERPLEXITY_WITHIN);
    }

    @Test
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void smolLm2LosesTheWeightsThatTheReferenceRemoves() {
        checkSmolLm2("wanda", "unstructured", "wanda50", 81.9625);
    }

    @ParameterizedTest
    @Tag("slow")
    @CsvSource({
        "wanda,         2:4,          wanda24,  288.4823",
        "wanda,         4:8,          wanda48,  146.5408",
        "wanda-variant, unstructured, wandavar, 88.6855",
    })
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void smolLm2LosesTheWeightsThatTheReferenceRemoves(
            String method, String pattern, String golden, double perplexity) {
        checkSmolLm2(method, pattern, golden, perplexity);
    }

    @Test
    @Tag("slow")
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void smolLm2IsAsBadAsTheReferenceMakesItByMagnitude() {
        Path output = prune(SmolLm2.directory(), recipe("magnitude", "unstructured", 256));
        assertEquals(673.1705, perplexity(output, 512, 20), 673.1705 * PERPLEXITY_WITHIN);
    }

    /// What differs in the last bit from machine to machine grows along 30 blocks. So block 0 is compared by its masks and weights,
    /// and the whole must not be worse by more than machines were seen to differ.
    ///
    /// @param within how much worse perplexity may be, as a share
    @ParameterizedTest
    @Tag("slow")
    @CsvSource({"unstructured, 72.0915, 0.02", "2:4, 145.3885, 0.03"})
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void smolLm2IsUpdatedAsTheReferenceUpdatesIt(String pattern, double perplexity, double within) {
        Path output = prune(SmolLm2.directory(), recipe("sparsegpt", pattern, 256));
        if (pattern.equals("unstructured")) {
            Path golden = SharedFiles.shared("golden/smollm2/sparsegpt50.safetensors");
            assertUpdated(output, golden);
            double agreement = agreement(output, golden, "model.layers.0.");
            assertTrue(agreement >= 1 - FIRST_BLOCK_DIFFERS, "masks agree in " + agreement);
        }
        double actual = perplexity(output, 512, 20);
        assertTrue(actual <= perplexity * (1 + within), "perplexity " + actual);
    }

    private void checkSmolLm2(String method, String pattern, String golden, double perplexity) {
        Path output = prune(SmolLm2.directory(), recipe(method, pattern, 256));
        double agreement =
                agreement(
                        output,
                        SharedFiles.shared("golden/smollm2/" + golden + ".safetensors"),
                        "");
        assertTrue(agreement >= MASKS_EQUAL, "masks agree in " + agreement);
        assertEquals(perplexity, perplexity(output, 512, 20), perplexity * PERPLEXITY_WITHIN);
    }

    /// The weights of block 0: masks agree, and in the rows where they do, `||W - golden|| / ||golden||` is small. One
    /// weight on the other side of a threshold changes all that stay in its row.
    private static void assertUpdated(Path pruned, Path golden) {
        try (Checkpoint checkpoint = Checkpoint.open(pruned);
                Safetensors expected = Safetensors.open(golden);
                Arena memory = Arena.ofConfined()) {
            List<TensorInfo> updated =
                    expected.tensors().stream()
                            .filter(tensor -> tensor.name().endsWith(".weight"))
                            .toList();
            assertFalse(updated.isEmpty(), "no weights in " + golden);
            for (TensorInfo tensor : updated) {
                assertUpdated(checkpoint.map(tensor.name(), memory), expected.map(tensor, memory));
            }
        }
    }

    private static void assertUpdated(TensorView actual, TensorView expected) {
        int columns = actual.columns();
        int agreeing = 0;
        double difference = 0;
        double norm = 0;
        for (int row = 0; row < actual.rows(); row++) {
            boolean agrees = true;
            double rowDifference = 0;
            double rowNorm = 0;
            for (int column = 0; column < columns; column++) {
                long i = (long) row * columns + column;
                double wanted = expected.type().get(expected.data(), i);
                double value = actual.type().get(actual.data(), i);
                agrees &= (wanted == 0) == (value == 0);
                rowDifference += (value - wanted) * (value - wanted);
                rowNorm += wanted * wanted;
            }
            if (agrees) {
                agreeing++;
                difference += rowDifference;
                norm += rowNorm;
            }
        }
        String name = actual.name();
        // Two weights that change places at a threshold change two rows, however few there are.
        double least = Math.min(ROWS_AGREE * actual.rows(), actual.rows() - 2);
        assertTrue(agreeing >= least, name + ": " + agreeing + " rows agree");
        double relative = Math.sqrt(difference / norm);
        assertTrue(relative <= WEIGHTS_WITHIN, name + " is off by " + relative);
    }

    private static Recipe recipe(String method, String pattern, int seqlen) {
        return Recipe.DEFAULT
                .withMethod(method)
                .withPattern(
                        pattern.equals("unstructured")
                                ? new SparsityPattern.Unstructured(0.5)
                                : SparsityPattern.parseNofM(pattern))
                .withOrder(CalibrationOrder.BLOCK)
                .withType(ComputeType.FP32)
                .withSampling(
                        new Recipe.Sampling(
                                CalibrationSampler.REFERENCE, 128, OptionalInt.of(seqlen), 0));
    }

    private Path prune(Path model, Recipe recipe) {
        return prune(model, recipe, RunSettings.defaults());
    }

    private Path prune(Path model, Recipe recipe, RunSettings settings) {
        Path output = directory.resolve("pruned");
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Pruner.prune(checkpoint, recipe, Corpus.bundledCalibration(), output, false, settings);
        }
        return output;
    }

    private static double perplexity(Path model, int seqlen, int windows) {
        return perplexity(model, seqlen, windows, RunSettings.defaults());
    }

    private static double perplexity(Path model, int seqlen, int windows, RunSettings settings) {
        var protocol =
                new Perplexity.Protocol(
                        OptionalInt.of(seqlen), OptionalInt.of(windows), Optional.empty());
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return Perplexity.measure(checkpoint, EvaluationText.beginning(), protocol, settings)
                    .perplexity();
        }
    }

    /// The fraction of the golden masks' bits that say what the pruned weights say: 1 = zero.
    ///
    /// @param prefix of the names of the linears that are looked at
    private static double agreement(Path pruned, Path golden, String prefix) {
        long equal = 0;
        long all = 0;
        try (Checkpoint checkpoint = Checkpoint.open(pruned);
                Safetensors masks = Safetensors.open(golden);
                Arena memory = Arena.ofConfined()) {
            for (TensorInfo mask : masks.tensors()) {
                if (mask.name().startsWith(prefix) && mask.name().endsWith(".mask")) {
                    byte[] bits = masks.map(mask, memory).data().toArray(ValueLayout.JAVA_BYTE);
                    TensorView weight =
                            checkpoint.map(mask.name().replace(".mask", ".weight"), memory);
                    long weights = (long) weight.rows() * weight.columns();
                    for (long i = 0; i < weights; i++) {
                        boolean zero = weight.type().get(weight.data(), i) == 0;
                        boolean removed = (bits[(int) (i >>> 3)] >>> (i & 7) & 1) != 0;
                        equal += zero == removed ? 1 : 0;
                    }
                    all += weights;
                }
            }
        }
        return equal / (double) all;
    }
}
