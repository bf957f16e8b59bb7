package org.wanda4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.wanda4j.model.Rotary.Scaling;

/// Frequencies against their formulae, and against what transformers 4.56.2 computes (`ROPE_INIT_FUNCTIONS`, fp32).
class RotaryTest {

    private static final int SIZE = 128;
    private static final double FP32 = 5e-7;

    @Test
    void withoutScalingAPairTurnsByAPowerOfTheBase() {
        double[] frequencies = new Rotary(SIZE, 10_000, 2048, new Scaling.None()).frequencies(1);
        assertEquals(SIZE / 2, frequencies.length);
        for (int i = 0; i < frequencies.length; i++) {
            assertEquals(1 / Math.pow(10_000, 2.0 * i / SIZE), frequencies[i], 1e-15);
        }
    }

    @Test
    void linearScalingDividesAllFrequencies() {
        assertFrequencies(
                new Rotary(SIZE, 10_000, 2048, new Scaling.Linear(4)).frequencies(9000),
                0.25,
                0.21649108827114105,
                0.02500000037252903,
                0.007905694656074047,
                0.0024999999441206455,
                2.8869548259535804e-05);
    }

    @Test
    void dynamicScalingChangesNothingUpToTheLengthOfTraining() {
        var rotary = new Rotary(SIZE, 10_000, 2048, new Scaling.Dynamic(4));
        double[] trained = new Rotary(SIZE, 10_000, 2048, new Scaling.None()).frequencies(1);
        assertArrayEquals(trained, rotary.frequencies(1), 1e-15);
        assertArrayEquals(trained, rotary.frequencies(2048), 1e-15);
    }

    /// base * (factor * length / positions - (factor - 1)) ^ (size / (size - 2))
    @Test
    void dynamicScalingRaisesTheBaseBeyond() {
        double[] frequencies =
                new Rotary(SIZE, 10_000, 2048, new Scaling.Dynamic(4)).frequencies(5000);
        double base = 10_000 * Math.pow(4.0 * 5000 / 2048 - 3, SIZE / (SIZE - 2.0));
        for (int i = 0; i < frequencies.length; i++) {
            assertEquals(1, frequencies[i] * Math.pow(base, 2.0 * i / SIZE), 1e-12);
        }
        assertFrequencies(
                frequencies,
                1.0,
                0.8400797843933105,
                0.06153583899140358,
                0.015264838933944702,
                0.003786659799516201,
                1.706837247184012e-05);
    }

    @Test
    void llama3ScalingKeepsHighFrequenciesAndDividesLowOnes() {
        var scaling = new Scaling.Llama3(8, 1, 4, 8192);
        assertFrequencies(
                new Rotary(SIZE, 500_000, 131_072, scaling).frequencies(100),
                1.0,
                0.8146172165870667,
                0.03760603070259094,
                0.00729266507551074,
                0.0005248460220173001,
                3.068925877869333e-07);
        double[] frequencies = new Rotary(SIZE, 500_000, 131_072, scaling).frequencies(100);
        assertEquals(0.0013718936825171113, frequencies[30], 0.0013718936825171113 * FP32);
        assertEquals(0.0008567514596506953, frequencies[31], 0.0008567514596506953 * FP32);
    }

    /// @param expected frequencies of the pairs 0, 1, 16, 24, 32 and 63
    private static void assertFrequencies(double[] frequencies, double... expected) {
        int[] pairs = {0, 1, 16, 24, 32, 63};
        for (int i = 0; i < pairs.length; i++) {
            assertEquals(
                    expected[i], frequencies[pairs[i]], expected[i] * FP32, "pair " + pairs[i]);
        }
    }
}
