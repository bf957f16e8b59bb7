package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

/// Whole runs, in the reference's order and precision, against what the reference implementation removes and what
/// perplexity that leaves.
class GoldenPruneTest {

    private static final double MASKS_EQUAL = 0.999;
    private static final double PERPLEXITY_WITHIN = 0.005;
    private static final Path TINY = Path.of("src/test/resources/golden/tiny");

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
        double agreement = agreement(output, TINY.resolve(golden + ".safetensors"));
        assertTrue(agreement >= required, "masks agree in " + agreement);
        assertEquals(perplexity, perplexity(output, 256, 40), perplexity * PERPLEXITY_WITHIN);
    }

    @Test
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void smolLm2LosesTheWeightsThatTheReferenceRemoves() {
        Path output = prune(SmolLm2.directory(), recipe("wanda", "unstructured", 256));
        double agreement =
                agreement(output, SharedFiles.shared("golden/smollm2/wanda50.safetensors"));
        assertTrue(agreement >= MASKS_EQUAL, "masks agree in " + agreement);
        assertEquals(81.9625, perplexity(output, 512, 20), 81.9625 * PERPLEXITY_WITHIN);
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
                .withCalibration(CalibrationSampler.REFERENCE, 128, seqlen, 0);
    }

    private Path prune(Path model, Recipe recipe) {
        Path output = directory.resolve("pruned");
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Pruner.prune(
                    checkpoint,
                    recipe,
                    Corpus.bundledCalibration(),
                    output,
                    false,
                    RunSettings.defaults());
        }
        return output;
    }

    private static double perplexity(Path model, int seqlen, int windows) {
        var protocol =
                new Perplexity.Protocol(
                        OptionalInt.of(seqlen), OptionalInt.of(windows), Optional.empty());
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return Perplexity.measure(
                            checkpoint,
                            Corpus.bundledEvaluation(),
                            protocol,
                            RunSettings.defaults())
                    .perplexity();
        }
    }

    /// The fraction of the golden masks' bits that say what the pruned weights say: 1 = zero.
    private static double agreement(Path pruned, Path golden) {
        long equal = 0;
        long all = 0;
        try (Checkpoint checkpoint = Checkpoint.open(pruned);
                Safetensors masks = Safetensors.open(golden);
                Arena memory = Arena.ofConfined()) {
            for (TensorInfo mask : masks.tensors()) {
                if (mask.name().endsWith(".mask")) {
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
