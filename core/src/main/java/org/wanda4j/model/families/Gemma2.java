package org.wanda4j.model.families;

import java.util.List;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention.Positions;
import org.wanda4j.model.Block;

/// Gemma 2 (Gemma Team, 2024): Gemma with a norm before and one after each branch, windows in every second block, and
/// soft caps on attention's products and on the logits. Gemma 3 (2025) has normed query and key heads instead of the caps,
/// windows in five of six blocks, and another base of the rotation in these.
final class Gemma2 {

    private static final String LOCAL_BASE = "rope_local_base_freq";

    private final DecoderParts parts;
    private final ModelConfig config;
    private final Heads heads;
    private final List<String> types;
    private final boolean headNorms;

    private Gemma2(
            String family,
            ModelConfig config,
            TensorNames names,
            List<String> types,
            boolean headNorms) {
        this.config = config;
        this.parts = DecoderParts.of(family, config, names);
        this.heads = Heads.of(config);
        this.types = types;
        this.headNorms = headNorms;
    }

    static Architecture gemma2(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 8192)
                        .withDefault("num_key_value_heads", 4)
                        .withDefault("head_dim", 256)
                        .withDefault("query_pre_attn_scalar", 256)
                        .withDefault("sliding_window", 4096)
                        .withDefault("attn_logit_softcapping", 50.0)
                        .withDefault("final_logit_softcapping", 30.0);
        List<String> types = AttentionWindows.types(config, block -> block % 2 == 0);
        return new Gemma2("gemma2", config, names, types, false).describe();
    }

    static Architecture gemma3Text(ModelConfig given, TensorNames names) {
        return gemma3("gemma3_text", given, names);
    }

    /// The language model beside a vision tower.
    static Architecture gemma3(ModelConfig given, TensorNames names) {
        return gemma3("gemma3", given.decoder("gemma3_text"), names);
    }

    private static Architecture gemma3(String family, ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("vocab_size", 262_208)
                        .withDefault("hidden_size", 2304)
                        .withDefault("intermediate_size", 9216)
                        .withDefault("num_hidden_layers", 26)
                        .withDefault("num_attention_heads", 8)
                        .withDefault("max_position_embeddings", 131_072)
                        .withDefault("num_key_value_heads", 4)
                        .withDefault("head_dim", 256)
                        .withDefault("query_pre_attn_scalar", 256)
                        .withDefault("sliding_window", 4096)
                        .withDefault("rope_theta", 1_000_000.0)
                        .withDefault(LOCAL_BASE, 10_000.0);
        int period =
                config.size("sliding_window_pattern", config.size("_sliding_window_pattern", 6));
        List<String> types = AttentionWindows.types(config, block -> (block + 1) % period != 0);
        return new Gemma2(family, config, names, types, true).describe();
    }

    private Architecture describe() {
        return parts.decoder(
                Gemma.embedding(parts),
                this::block,
                parts.head(
                        Gemma.norm(parts, parts.root() + "norm"),
                        true,
                        1,
                        config.optional("final_logit_softcapping")));
    }

    private Block block(int index) {
        String name = parts.block(index);
        AttentionBuilder attention =
                Gemma.attention(parts, heads, name)
                        .scale(1 / Math.sqrt(config.number("query_pre_attn_scalar", 1)))
                        .cap(config.optional("attn_logit_softcapping"))
                        .positions(positions(types.get(index)))
                        .window(
                                AttentionWindows.by(types, AttentionWindows.sliding(config))
                                        .apply(index));
        if (headNorms) {
            attention.norms(
                    Gemma.norm(parts, name + "self_attn.q_norm", heads.size()),
                    Gemma.norm(parts, name + "self_attn.k_norm", heads.size()));
        }
        return Block.sequential(
                DecoderParts.between(
                        Gemma.norm(parts, name + "input_layernorm"),
                        attention.build(),
                        Gemma.norm(parts, name + "post_attention_layernorm")),
                DecoderParts.between(
                        Gemma.norm(parts, name + "pre_feedforward_layernorm"),
                        Gemma.mlp(parts, name, "hidden_activation"),
                        Gemma.norm(parts, name + "post_feedforward_layernorm")));
    }

    /// Blocks with a window turn by a base of their own, and without scaling (Gemma 3).
    private Positions positions(String type) {
        if (RotaryReader.isByType(config)) {
            return RotaryReader.of(config, heads, type);
        }
        boolean local = headNorms && type.equals(AttentionWindows.SLIDING);
        return RotaryReader.whole(
                local
                        ? config.with("rope_theta", config.number(LOCAL_BASE, 1))
                                .without("rope_scaling")
                        : config,
                heads);
    }
}
