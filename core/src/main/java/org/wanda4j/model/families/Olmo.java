package org.wanda4j.model.families;

import java.util.Optional;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Norm;

/// OLMo (Groeneveld et al., 2024): Llama's blocks with layer norms that have no weights, and queries, keys and values that
/// may be clipped. OLMo 2 (2025) norms what a branch gives instead of what it reads, and queries and keys over all heads at
/// once.
final class Olmo {

    /// Of the layer norms, whatever the configuration says.
    private static final double EPSILON = 1e-5;

    private Olmo() {}

    static Architecture olmo(ModelConfig given, TensorNames names) {
        ModelConfig config = given.withDefault("max_position_embeddings", 2048);
        DecoderParts parts = DecoderParts.of("olmo", config, names);
        Heads heads = Heads.of(config);
        Norm norm = Norm.plainLayer(parts.hidden(), EPSILON);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    return Block.sequential(
                            Branch.normFirst(
                                    norm,
                                    attention(parts, heads, name)
                                            .clip(config.optional("clip_qkv"))
                                            .build()),
                            Branch.normFirst(norm, parts.gated(name + "mlp.")));
                },
                parts.head(norm, false));
    }

    static Architecture olmo2(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 2048)
                        .withDefault("rms_norm_eps", 1e-5);
        DecoderParts parts = DecoderParts.of("olmo2", config, names);
        Heads heads = Heads.of(config);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    return Block.sequential(
                            normedAfter(
                                    attention(parts, heads, name)
                                            .norms(
                                                    parts.rms(
                                                            name + "self_attn.q_norm",
                                                            heads.queryWidth()),
                                                    parts.rms(
                                                            name + "self_attn.k_norm",
                                                            heads.keyWidth()))
                                            .build(),
                                    parts.rms(name + "post_attention_layernorm")),
                            normedAfter(
                                    parts.gated(name + "mlp."),
                                    parts.rms(name + "post_feedforward_layernorm")));
                },
                parts.head(parts.rms(parts.root() + "norm"), false));
    }

    private static AttentionBuilder attention(DecoderParts parts, Heads heads, String block) {
        boolean bias = parts.config().flag("attention_bias", false);
        return AttentionBuilder.separate(parts, heads, block + "self_attn.", bias, bias)
                .positions(RotaryReader.whole(parts.config(), heads));
    }

    private static Branch normedAfter(Mixer mixer, Norm norm) {
        return new Branch(Optional.empty(), mixer, Optional.of(norm), Optional.empty(), 1);
    }
}
