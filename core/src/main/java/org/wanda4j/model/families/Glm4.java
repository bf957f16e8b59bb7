package org.wanda4j.model.families;

import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;

/// GLM 4 (Zhipu AI, 2025): a norm before and one after each branch, half of each head rotating as neighbours, biases on
/// query, key and value, gate and up in one tensor.
final class Glm4 {

    private Glm4() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 131_072)
                        .withDefault("num_key_value_heads", 2)
                        .withDefault("head_dim", 128)
                        .withDefault("partial_rotary_factor", 0.5)
                        .withDefault("rms_norm_eps", 1.5625e-7);
        DecoderParts parts = DecoderParts.of("glm4", config, names);
        Heads heads = Heads.of(config);
        boolean bias = config.flag("attention_bias", true);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    return Block.sequential(
                            DecoderParts.between(
                                    parts.rms(name + "input_layernorm"),
                                    AttentionBuilder.separate(
                                                    parts, heads, name + "self_attn.", bias, false)
                                            .positions(RotaryReader.part(config, heads, true))
                                            .build(),
                                    parts.rms(name + "post_self_attn_layernorm")),
                            DecoderParts.between(
                                    parts.rms(name + "post_attention_layernorm"),
                                    parts.gatedFused(name + "mlp."),
                                    parts.rms(name + "post_mlp_layernorm")));
                },
                parts.head(parts.rms(parts.root() + "norm"), false));
    }
}
