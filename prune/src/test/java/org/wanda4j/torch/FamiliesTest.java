package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.Expected;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.text.Windows;

/// Every family against the logits of Hugging Face transformers (see `src/test/python/families.py`).
class FamiliesTest {

    private static final float TOLERANCE = 1e-4f;

    static List<Path> cases() {
        return GoldenFamilies.all();
    }

    @Test
    void allCasesAreThere() {
        assertEquals(59, GoldenFamilies.all().size());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void logitsEqualThoseOfTransformers(Path directory) {
        check(directory, Device.HOST);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void logitsEqualThoseOfTransformersByTheOperationsOfADevice(Path directory) {
        check(directory, Device.EMULATED);
    }

    @Test
    void aShortSequenceTurnsByTheDynamicFrequenciesOfItsOwnLength() {
        Path directory = GoldenFamilies.of("llama-dynamic");
        try (var expected = new Expected(directory.resolve("expected.safetensors"));
                Checkpoint checkpoint = Checkpoint.open(directory)) {
            float[] logits = expected.floats("short_logits");
            Windows all = expected.windows("ids");
            int length = logits.length / all.count() / 96;
            var cut =
                    new Windows(
                            length,
                            all.ids().stream().map(ids -> Arrays.copyOf(ids, length)).toList());
            float[] actual = ForwardPass.of(checkpoint, cut, ComputeType.FP32).logits();
            assertTrue(Expected.largestDifference(actual, logits) < TOLERANCE);
        }
    }

    private static void check(Path directory, Device device) {
        try (var expected = new Expected(directory.resolve("expected.safetensors"));
                Checkpoint checkpoint = Checkpoint.open(directory)) {
            ForwardPass actual =
                    ForwardPass.of(checkpoint, expected.windows("ids"), ComputeType.FP32, device);
            float difference =
                    Expected.largestDifference(actual.logits(), expected.floats("logits"));
            assertTrue(difference < TOLERANCE, "largest difference " + difference);
        }
    }
}
