package org.wanda4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.wanda4j.model.Rotary.Scaling;

/// Frequencies against their formulae, and against what transformers 4.56.2 computes (`ROPE_INIT_FUNCTIONS`, fp32).
class RotaryTest {

    private static final int SIZE = 128;
    private static final double FP32 = 5e-7;

    @Test
    void withoutScalingAPairTurnsByAPowerOfTheBase() {
        float[] frequencies =
                new Rotary(SIZE, false, 10_000, 2048, new Scaling.None()).frequencies(1);
        assertEquals(SIZE / 2, frequencies.length);
        for (int i = 0; i < frequencies.length; i++) {
            assertEquals(
                    1 / Math.pow(10_000, 2.0 * i / SIZE), frequencies[i], FP32 * frequencies[i]);
        }
    }

    @Test
    void linearScalingDividesAllFrequencies() {
        assertFrequencies(
                new Rotary(SIZE, false, 10_000, 2048, new Scaling.Linear(4)).frequencies(9000),
                0.25,
                0.21649108827114105,
                0.02500000037252903,
                0.007905694656074047,
                0.0024999999441206455,
                2.8869548259535804e-05);
    }

    @Test
    void dynamicScalingChangesNothingUpToTheLengthOfTraining() {
        var rotary = new Rotary(SIZE, false, 10_000, 2048, new Scaling.Dynamic(4));
        float[] trained = new Rotary(SIZE, false, 10_000, 2048, new Scaling.None()).frequencies(1);
        assertArrayEquals(trained, rotary.frequencies(1));
        assertArrayEquals(trained, rotary.frequencies(2048));
    }

    /// base * (factor * length / positions - (factor - 1)) ^ (size / (size - 2))
    @Test
    void dynamicScalingRaisesTheBaseBeyond() {
        float[] frequencies =
                new Rotary(SIZE, false, 10_000, 2048, new Scaling.Dynamic(4)).frequencies(5000);
        double base = 10_000 * Math.pow(4.0 * 5000 / 2048 - 3, SIZE / (SIZE - 2.0));
        for (int i = 0; i < frequencies.length; i++) {
            assertEquals(1, frequencies[i] * Math.pow(base, 2.0 * i / SIZE), 2 * FP32);
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
                new Rotary(SIZE, false, 500_000, 131_072, scaling).frequencies(100),
                1.0,
                0.8146172165870667,
                0.03760603070259094,
                0.00729266507551074,
                0.0005248460220173001,
                3.068925877869333e-07);
        float[] frequencies = new Rotary(SIZE, false, 500_000, 131_072, scaling).frequencies(100);
        assertEquals(0.0013718937f, frequencies[30]);
        assertEquals(0.00085675146f, frequencies[31]);
    }

    @Test
    void yarnKeepsPairsThatTurnOftenAndDividesThoseThatTurnSeldom() {
        var scaling = new Scaling.Yarn(4, 32_768, 32, 1, true, 1.1386294f);
        var rotary = new Rotary(SIZE, false, 1_000_000, 131_072, scaling);
        assertEquals(1.1386294f, rotary.magnitude());
        assertFrequencies(
                rotary.frequencies(100),
                1.0,
                0.8058422207832336,
                0.03162277862429619,
                0.005375321488827467,
                0.0006029411451891065,
                3.102344408034696e-07);
    }

    @Test
    void theEndsOfYarnsRampNeedNotBeWholePairs() {
        var scaling = new Scaling.Yarn(40, 4096, 16, 2, false, 1);
        assertFrequencies(
                new Rotary(SIZE, false, 1_000_000, 131_072, scaling).frequencies(100),
                1.0,
                0.8058422207832336,
                0.03162277862429619,
                0.0017382190562784672,
                2.499999936844688e-05,
                3.1023443369804227e-08);
    }

    @Test
    void longRopeDividesEachPairByItsOwnFactorOfTheSequencesLength() {
        List<Double> small = IntStream.range(0, SIZE / 2).mapToObj(i -> 1 + i / 64.0).toList();
        List<Double> large = IntStream.range(0, SIZE / 2).mapToObj(i -> 1.0 + i).toList();
        var scaling = new Scaling.LongRope(small, large, 4096, 1.1902381f);
        var rotary = new Rotary(SIZE, false, 10_000, 131_072, scaling);
        assertEquals(1.1902381f, rotary.magnitude());
        assertFrequencies(
                rotary.frequencies(4096),
                1.0,
                0.8526418209075928,
                0.07999999821186066,
                0.02299838326871395,
                0.006666666828095913,
                5.819373473059386e-05);
        assertFrequencies(
                rotary.frequencies(4097),
                1.0,
                0.4329821765422821,
                0.0058823530562222,
                0.0012649111449718475,
                0.0003030303050763905,
                1.8043467662209878e-06);
    }

    /// In SmolLM2 some of these are not the nearest fp32 to the formula's.
    @Test
    void aFrequencyIsRoundedAsTransformersRoundsIt() {
        float[] frequencies =
                new Rotary(64, false, 100_000, 8192, new Scaling.None()).frequencies(1);
        assertEquals(0.23713736f, frequencies[4]);
        assertEquals(0.1154782f, frequencies[6]);
        assertEquals(0.013335215f, frequencies[12]);
        assertEquals(6.0429637e-5f, frequencies[27]);
        assertEquals(4.2169653e-5f, frequencies[28]);
        assertEquals(1.4330127e-5f, frequencies[31]);
    }

    /// @param expected frequencies of the pairs 0, 1, 16, 24, 32 and 63
    private static void assertFrequencies(float[] frequencies, double... expected) {
        int[] pairs = {0, 1, 16, 24, 32, 63};
        for (int i = 0; i < pairs.length; i++) {
            assertEquals((float) expected[i], frequencies[pairs[i]], "pair " + pairs[i]);
        }
    }
}
