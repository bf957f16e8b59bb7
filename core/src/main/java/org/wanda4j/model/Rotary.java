package org.wanda4j.model;

import java.util.List;

/// Rotary position embedding (Su et al., 2021): pair `i` of a head turns by `position * frequency_i`.
///
/// A head that is wider keeps what is behind the first `size` values as it is.
///
/// @param size how much of a head turns
/// @param interleaved whether the pair is `(x_2i, x_2i+1)`; else it is the halves, `(x_i, x_(i + size/2))`
/// @param theta base of the frequencies
/// @param positions longest sequence that the model was made for
/// @param scaling how the frequencies change for longer ones
public record Rotary(int size, boolean interleaved, double theta, int positions, Scaling scaling)
        implements Attention.Positions {

    /// How frequencies are stretched; the names are those of `rope_scaling.rope_type`.
    public sealed interface Scaling {

        /// As trained.
        record None() implements Scaling {}

        /// All frequencies divided by `factor`.
        record Linear(double factor) implements Scaling {}

        /// A larger base once a sequence is longer than the model was made for (NTK-aware).
        record Dynamic(double factor) implements Scaling {}

        /// Low frequencies divided by `factor`, high ones kept, a ramp between (Llama 3.1).
        record Llama3(double factor, double lowFactor, double highFactor, int originalPositions)
                implements Scaling {}

        /// As Llama 3's, by the number of turns in the original length: pairs that turn more often than `fast` are kept, those
        /// that turn less often than `slow` divided (YaRN, Peng et al., 2023).
        ///
        /// @param truncated whether the ends of the ramp are whole pairs
        /// @param magnitude what cosines and sines are multiplied by
        record Yarn(
                double factor,
                int originalPositions,
                double fast,
                double slow,
                boolean truncated,
                float magnitude)
                implements Scaling {}

        /// Each pair's frequency divided by a factor of its own, one for sequences of the original length and one for longer
        /// ones (LongRoPE, Ding et al., 2024).
        ///
        /// @param magnitude what cosines and sines are multiplied by
        record LongRope(
                List<Double> shortFactors,
                List<Double> longFactors,
                int originalPositions,
                float magnitude)
                implements Scaling {}
    }

    /// Radians per position of each pair, `size / 2` of them, for sequences of `length` tokens.
    ///
    /// Every step rounds to fp32, as in transformers: models were trained with these, and at position 200 a frequency's last
    /// bit is a hundred of the cosine's.
    public float[] frequencies(int length) {
        float base = (float) base(length);
        float[] frequencies = new float[size / 2];
        for (int i = 0; i < frequencies.length; i++) {
            float power = (float) Math.pow(base, 2f * i / size);
            frequencies[i] =
                    switch (scaling) {
                        case Scaling.Linear(double factor) -> 1 / power / (float) factor;
                        case Scaling.Llama3 llama3 -> stretched(1 / power, llama3);
                        case Scaling.Yarn yarn -> stretched(power, i, yarn);
                        case Scaling.LongRope longRope -> 1 / (factor(longRope, i, length) * power);
                        case Scaling.None _, Scaling.Dynamic _ -> 1 / power;
                    };
        }
        return frequencies;
    }

    private double base(int length) {
        if (!(scaling instanceof Scaling.Dynamic(double factor))) {
            return theta;
        }
        double stretch = factor * Math.max(length, positions) / positions - (factor - 1);
        return theta * Math.pow(stretch, size / (size - 2.0));
    }

    /// Whether [#frequencies(int)] depends on the length.
    public boolean dependsOnLength() {
        return switch (scaling) {
            case Scaling.Dynamic _, Scaling.LongRope _ -> true;
            case Scaling.None _, Scaling.Linear _, Scaling.Llama3 _, Scaling.Yarn _ -> false;
        };
    }

    /// What cosines and sines are multiplied by.
    public float magnitude() {
        return switch (scaling) {
            case Scaling.Yarn yarn -> yarn.magnitude();
            case Scaling.LongRope longRope -> longRope.magnitude();
            case Scaling.None _, Scaling.Linear _, Scaling.Dynamic _, Scaling.Llama3 _ -> 1;
        };
    }

    private static float stretched(float frequency, Scaling.Llama3 scaling) {
        float turns = scaling.originalPositions() / ((float) (2 * Math.PI) / frequency);
        float low = (float) scaling.lowFactor();
        float kept = (turns - low) / (float) (scaling.highFactor() - scaling.lowFactor());
        float share = Math.clamp(kept, 0f, 1f);
        return (1 - share) * frequency / (float) scaling.factor() + share * frequency;
    }

    private float stretched(float power, int pair, Scaling.Yarn yarn) {
        double first = Math.max(pair(yarn.fast(), yarn, -1), 0);
        double last = Math.min(pair(yarn.slow(), yarn, 1), size - 1);
        float width = (float) (first == last ? 0.001 : last - first);
        float divided = Math.clamp((pair - (float) first) / width, 0f, 1f);
        float kept = 1 - divided;
        return 1 / ((float) yarn.factor() * power) * (1 - kept) + 1 / power * kept;
    }

    /// The pair that turns `turns` times in the original length, as a number that need not be whole.
    ///
    /// @param end -1 where it is rounded down, 1 where it is rounded up
    private double pair(double turns, Scaling.Yarn yarn, int end) {
        double pair =
                size
                        * Math.log(yarn.originalPositions() / (turns * 2 * Math.PI))
                        / (2 * Math.log(theta));
        return !yarn.truncated() ? pair : end < 0 ? Math.floor(pair) : Math.ceil(pair);
    }

    private static float factor(Scaling.LongRope scaling, int pair, int length) {
        List<Double> factors =
                length > scaling.originalPositions()
                        ? scaling.longFactors()
                        : scaling.shortFactors();
        return factors.get(pair).floatValue();
    }
}
