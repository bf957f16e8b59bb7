package org.wanda4j.torch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.wanda4j.SharedFiles;
import org.wanda4j.SmolLm2;
import org.wanda4j.checkpoint.Checkpoint;

/// Hidden states and logits of real models against those of the reference implementation, in fp32.
class GoldenForwardTest {

    private static final float TOLERANCE = 1e-3f;

    @Test
    void tinyLlamaComputesWhatTheReferenceComputes() {
        check(SharedFiles.tinyLlama(), Path.of("src/test/resources/golden/tiny/forward.safetensors"));
    }

    @Test
    @EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)
    void smolLm2ComputesWhatTheReferenceComputes() {
        check(SmolLm2.directory(), SharedFiles.shared("golden/smollm2/forward.safetensors"));
    }

    private static void check(Path model, Path golden) {
        try (var expected = new Expected(golden);
                Checkpoint checkpoint = Checkpoint.open(model)) {
            ForwardPass actual = ForwardPass.of(checkpoint, expected.windows("ids"), ComputeType.FP32);
            assertClose("embedding", actual.states().getFirst(), expected.floats("embedding"));
            for (int block = 0; block < actual.states().size() - 1; block++) {
                assertClose("block " + block, actual.states().get(block + 1), expected.floats("block." + block));
            }
            float[] last = expected.floats("logits_last4");
            float[] logits = actual.logits();
            assertClose("logits", Arrays.copyOfRange(logits, logits.length - last.length, logits.length), last);
        }
    }

    private static void assertClose(String what, float[] actual, float[] expected) {
        float difference = Expected.largestDifference(actual, expected);
        assertTrue(difference < TOLERANCE, what + ": largest difference " + difference);
    }
}
