package org.wanda4j.model.families;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/// How far the tokens of each block see.
final class AttentionWindows {

    static final String SLIDING = "sliding_attention";
    static final String FULL = "full_attention";

    private AttentionWindows() {}

    /// `sliding_window` for every block; none where it is absent.
    static OptionalInt sliding(ModelConfig config) {
        return config.has("sliding_window")
                ? OptionalInt.of(config.size("sliding_window"))
                : OptionalInt.empty();
    }

    /// The type of each block's attention: `layer_types`, or what `sliding` says where it is absent.
    static List<String> types(ModelConfig config, IntPredicate sliding) {
        int blocks = config.blocks();
        List<String> types = config.texts("layer_types");
        if (types.isEmpty()) {
            return IntStream.range(0, blocks)
                    .mapToObj(block -> sliding.test(block) ? SLIDING : FULL)
                    .toList();
        }
        if (types.size() != blocks) {
            throw config.invalid(
                    "layer_types", "has " + types.size() + " entries for " + blocks + " blocks");
        }
        for (String type : types) {
            if (!type.equals(SLIDING) && !type.equals(FULL)) {
                throw config.invalid(
                        "layer_types",
                        "'" + type + "' is not supported (" + FULL + ", " + SLIDING + " are)");
            }
        }
        return types;
    }

    /// The window of each block by its type.
    static IntFunction<OptionalInt> by(List<String> types, OptionalInt window) {
        return block -> types.get(block).equals(SLIDING) ? window : OptionalInt.empty();
    }

    /// AttentionWindows where `use_sliding_window` switches them on: in the blocks that `layer_types` names, or from
    /// `max_window_layers` on (Qwen).
    static IntFunction<OptionalInt> whereSwitchedOn(ModelConfig config) {
        int first = config.count("max_window_layers", 28);
        List<String> types = types(config, block -> block >= first);
        OptionalInt window =
                config.flag("use_sliding_window", false) ? sliding(config) : OptionalInt.empty();
        return by(types, window);
    }
}
