package org.wanda4j.model.families;

import org.wanda4j.model.Architecture;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;

/// Gemma (Gemma Team, 2024): Llama's blocks with norms that multiply by `1 + w`, an embedding that is multiplied by the
/// square root of the hidden size, GELU in the gated MLP, and the head tied to the embedding.
final class Gemma {

    private Gemma() {}

    static Architecture gemma(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 8192)
                        .withDefault("num_key_value_heads", 16)
                        .withDefault("head_dim", 256);
        DecoderParts parts = DecoderParts.of("gemma", config, names);
        Heads heads = Heads.of(config);
        return parts.decoder(
                embedding(parts),
                index -> {
                    String name = parts.block(index);
                    return DecoderParts.normFirst(
                            name,
                            it -> norm(parts, it),
                            attention(parts, heads, name)
                                    .positions(RotaryReader.whole(config, heads))
                                    .build(),
                            mlp(parts, name, "hidden_act"));
                },
                parts.head(norm(parts, parts.root() + "norm"), true));
    }

    static Architecture.Embedding embedding(DecoderParts parts) {
        return parts.embedding(Math.sqrt(parts.hidden()));
    }

    static AttentionBuilder attention(DecoderParts parts, Heads heads, String block) {
        boolean bias = parts.config().flag("attention_bias", false);
        return AttentionBuilder.separate(parts, heads, block + "self_attn.", bias, bias);
    }

    /// @param key entry that names the function
    static Mlp mlp(DecoderParts parts, String block, String key) {
        return parts.gated(
                block + "mlp.",
                parts.config().size("intermediate_size"),
                false,
                parts.config().activation(key, "gelu_pytorch_tanh"));
    }

    static Norm norm(DecoderParts parts, String name) {
        return norm(parts, name, parts.hidden());
    }

    /// An RMS norm that multiplies by `1 + w`.
    static Norm norm(DecoderParts parts, String name, int width) {
        return Norm.rms(name, width, parts.config().number("rms_norm_eps", 1e-6), 1);
    }
}
