package org.wanda4j.model.families;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention.NoPositions;

/// SmolLM 3 (Hugging Face, 2025): Llama's blocks, every fourth of them without positions, and the head tied to the
/// embedding.
final class SmolLm3 {

    private static final String ROTATED = "no_rope_layers";

    private SmolLm3() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 32_768)
                        .withDefault("num_key_value_heads", 4)
                        .withDefault("rope_theta", 2e6);
        DecoderParts parts = DecoderParts.of("smollm3", config, names);
        Heads heads = Heads.of(config);
        boolean bias = config.flag("attention_bias", false);
        List<Boolean> rotated = rotated(config);
        IntFunction<OptionalInt> window = windows(config, rotated);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    return DecoderParts.normFirst(
                            name,
                            parts::rms,
                            AttentionBuilder.separate(parts, heads, name + "self_attn.", bias, bias)
                                    .positions(
                                            rotated.get(index)
                                                    ? RotaryReader.whole(config, heads)
                                                    : new NoPositions())
                                    .window(window.apply(index))
                                    .build(),
                            parts.gated(name + "mlp.", config.flag("mlp_bias", false)));
                },
                parts.head(parts.rms(parts.root() + "norm"), true));
    }

    /// Whether each block rotates: `no_rope_layers`, which has a 1 for those that do, or all but every
    /// `no_rope_layer_interval`-th.
    private static List<Boolean> rotated(ModelConfig config) {
        int blocks = config.blocks();
        int interval = config.size("no_rope_layer_interval", 4);
        List<Integer> given = config.counts(ROTATED);
        if (given.isEmpty()) {
            return IntStream.range(0, blocks)
                    .mapToObj(block -> (block + 1) % interval != 0)
                    .toList();
        }
        if (given.size() != blocks) {
            throw config.invalid(
                    ROTATED, "has " + given.size() + " entries for " + blocks + " blocks");
        }
        return given.stream().map(value -> value != 0).toList();
    }

    private static IntFunction<OptionalInt> windows(ModelConfig config, List<Boolean> rotated) {
        List<String> types = AttentionWindows.types(config, block -> !rotated.get(block));
        boolean on = config.flag("use_sliding_window", false);
        return AttentionWindows.by(
                types, on ? AttentionWindows.sliding(config) : OptionalInt.empty());
    }
}
