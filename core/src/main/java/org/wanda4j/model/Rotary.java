package org.wanda4j.model;

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
    }

    /// Reads `rope_theta` and `rope_scaling`, or `rope_parameters` as newer files call them.
    static Rotary of(ModelConfig config, int size) {
        boolean newer = config.has("rope_parameters");
        ModelConfig entry = config.object(newer ? "rope_parameters" : "rope_scaling");
        int positions = config.size("max_position_embeddings");
        double theta = entry.number("rope_theta", config.number("rope_theta", 10_000));
        if (config.number("partial_rotary_factor", 1) != 1
                || entry.number("partial_rotary_factor", 1) != 1) {
            throw config.invalid("partial_rotary_factor", "other than 1 is not supported");
        }
        // The older name goes first, as in transformers.
        String type = entry.text("type", entry.text("rope_type", "default"));
        Scaling scaling =
                switch (type) {
                    case "default" -> new Scaling.None();
                    case "linear" -> new Scaling.Linear(required(entry, "factor"));
                    case "dynamic" -> new Scaling.Dynamic(required(entry, "factor"));
                    case "llama3" -> llama3(entry);
                    default ->
                            throw entry.invalid(
                                    "rope_type",
                                    "'"
                                            + type
                                            + "' is not supported (default, linear, dynamic, llama3 are)");
                };
        return new Rotary(size, false, theta, positions, scaling);
    }

    private static Scaling llama3(ModelConfig entry) {
        double low = required(entry, "low_freq_factor");
        double high = required(entry, "high_freq_factor");
        if (!(low < high)) {
            throw entry.invalid(
                    "high_freq_factor", "must be greater than low_freq_factor, is " + high);
        }
        return new Scaling.Llama3(
                required(entry, "factor"),
                low,
                high,
                entry.size("original_max_position_embeddings"));
    }

    private static double required(ModelConfig config, String key) {
        if (!config.has(key)) {
            throw config.invalid(key, "is missing");
        }
        return config.number(key, 1);
    }

    /// Radians per position of each pair, `size / 2` of them, for sequences of `length` tokens.
    ///
    /// Every step rounds to fp32, as in transformers: models were trained with these, and at position 200 a frequency's last
    /// bit is a hundred of the cosine's.
    public float[] frequencies(int length) {
        double base =
                switch (scaling) {
                    case Scaling.Dynamic(double factor) -> {
                        double stretch =
                                factor * Math.max(length, positions) / positions - (factor - 1);
                        yield theta * Math.pow(stretch, size / (size - 2.0));
                    }
                    default -> theta;
                };
        float[] frequencies = new float[size / 2];
        for (int i = 0; i < frequencies.length; i++) {
            float frequency = 1 / (float) Math.pow((float) base, 2f * i / size);
            frequencies[i] =
                    switch (scaling) {
                        case Scaling.Linear(double factor) -> frequency / (float) factor;
                        case Scaling.Llama3 llama3 -> stretched(frequency, llama3);
                        default -> frequency;
                    };
        }
        return frequencies;
    }

    /// What cosines and sines are multiplied by.
    public float magnitude() {
        return 1;
    }

    private static float stretched(float frequency, Scaling.Llama3 scaling) {
        float turns = scaling.originalPositions() / ((float) (2 * Math.PI) / frequency);
        float low = (float) scaling.lowFactor();
        float kept = (turns - low) / (float) (scaling.highFactor() - scaling.lowFactor());
        float share = Math.clamp(kept, 0f, 1f);
        return (1 - share) * frequency / (float) scaling.factor() + share * frequency;
    }
}
