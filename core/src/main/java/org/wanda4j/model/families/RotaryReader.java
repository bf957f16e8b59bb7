package org.wanda4j.model.families;

import java.util.List;
import java.util.Set;
import org.wanda4j.model.Rotary;
import org.wanda4j.model.Rotary.Scaling;

/// The rotation that a configuration describes: `rope_theta`, `partial_rotary_factor` and `rope_scaling`; transformers 5
/// has all three in `rope_parameters`, one object for all blocks or one for each type of attention.
///
/// @param config the decoder's
/// @param entry the object with the scaling
/// @param heads of the attention
record RotaryReader(ModelConfig config, ModelConfig entry, Heads heads) {

    private static final String LENGTH = "max_position_embeddings";
    private static final String ORIGINAL = "original_max_position_embeddings";
    private static final String PART = "partial_rotary_factor";
    private static final Set<String> KNOWN =
            Set.of(
                    "type",
                    "rope_type",
                    "rope_theta",
                    "factor",
                    "low_freq_factor",
                    "high_freq_factor",
                    "attention_factor",
                    "beta_fast",
                    "beta_slow",
                    "mscale",
                    "mscale_all_dim",
                    "truncate",
                    "short_factor",
                    "long_factor",
                    "finetuned",
                    ORIGINAL,
                    PART);

    /// The rotation of whole heads.
    static Rotary whole(ModelConfig config, Heads heads) {
        return of(config, heads).rotary(false, false);
    }

    /// The rotation of the first `partial_rotary_factor` of each head.
    static Rotary part(ModelConfig config, Heads heads, boolean interleaved) {
        return of(config, heads).rotary(true, interleaved);
    }

    /// The rotation of whole heads, of neighbours instead of halves.
    static Rotary interleaved(ModelConfig config, Heads heads) {
        return of(config, heads).rotary(false, true);
    }

    /// The rotation in blocks of a type of attention, where each has its own.
    static Rotary of(ModelConfig config, Heads heads, String type) {
        return new RotaryReader(config, config.object("rope_parameters").object(type), heads)
                .rotary(false, false);
    }

    /// Whether each type of attention has a rotation of its own, as transformers 5 writes it.
    static boolean isByType(ModelConfig config) {
        return config.object("rope_parameters").has(AttentionWindows.FULL);
    }

    private static RotaryReader of(ModelConfig config, Heads heads) {
        String key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
        return new RotaryReader(config, config.object(key), heads);
    }

    private Rotary rotary(boolean partial, boolean interleaved) {
        for (String key : entry.keys()) {
            if (!KNOWN.contains(key)) {
                throw entry.invalid(key, "is not understood");
            }
        }
        double theta = entry.number("rope_theta", config.number("rope_theta", 10_000));
        double part = entry.number(PART, config.number(PART, 1));
        if (!partial && part != 1) {
            throw config.invalid(PART, "other than 1 is not supported");
        }
        int size = (int) (heads.size() * part);
        if (size < 2 || size % 2 != 0 || size > heads.size()) {
            throw config.invalid(
                    "head_dim",
                    "must be even to be rotated, and at least 2; is "
                            + (part == 1 ? size : heads.size() + " of which " + size + " rotate"));
        }
        return new Rotary(size, interleaved, theta, config.size(LENGTH), scaling(size));
    }

    private Scaling scaling(int size) {
        // The older name goes first, as in transformers.
        String type = entry.text("type", entry.text("rope_type", "default"));
        return switch (type) {
            case "default" -> new Scaling.None();
            case "linear" -> new Scaling.Linear(required("factor"));
            case "dynamic" -> new Scaling.Dynamic(required("factor"));
            case "llama3" -> llama3();
            case "yarn" -> yarn();
            case "longrope", "su" -> longRope(size);
            default ->
                    throw entry.invalid(
                            "rope_type",
                            "'"
                                    + type
                                    + "' is not supported (default, linear, dynamic, llama3, yarn, longrope are)");
        };
    }

    private Scaling llama3() {
        double low = required("low_freq_factor");
        double high = required("high_freq_factor");
        if (!(low < high)) {
            throw entry.invalid(
                    "high_freq_factor", "must be greater than low_freq_factor, is " + high);
        }
        return new Scaling.Llama3(required("factor"), low, high, entry.size(ORIGINAL));
    }

    private Scaling yarn() {
        double factor = required("factor");
        double scale = entry.number("mscale", 0);
        double ofAll = entry.number("mscale_all_dim", 0);
        double magnitude =
                scale > 0 && ofAll > 0
                        ? logarithmic(factor, scale) / logarithmic(factor, ofAll)
                        : logarithmic(factor, 1);
        return new Scaling.Yarn(
                factor,
                entry.size(ORIGINAL, config.size(LENGTH)),
                entry.number("beta_fast", 32),
                entry.number("beta_slow", 1),
                entry.flag("truncate", true),
                (float) entry.number("attention_factor", magnitude));
    }

    private static double logarithmic(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private Scaling longRope(int size) {
        int length = config.size(LENGTH);
        int original = config.size(ORIGINAL, entry.size(ORIGINAL, length));
        double factor = entry.number("factor", (double) length / original);
        double magnitude = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        return new Scaling.LongRope(
                factors("short_factor", size),
                factors("long_factor", size),
                original,
                (float) entry.number("attention_factor", magnitude));
    }

    private List<Double> factors(String key, int size) {
        List<Double> factors = entry.numbers(key);
        if (factors.size() != size / 2) {
            throw entry.invalid(
                    key,
                    "must be a list of %d numbers, has %d".formatted(size / 2, factors.size()));
        }
        return factors;
    }

    private double required(String key) {
        if (!entry.has(key)) {
            throw entry.invalid(key, "is missing");
        }
        return entry.number(key, 1);
    }
}
