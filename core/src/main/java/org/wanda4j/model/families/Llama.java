package org.wanda4j.model.families;

import java.util.OptionalInt;
import java.util.function.IntFunction;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;

/// Llama (Touvron et al., 2023) and those that changed one thing in it: RMS norms before each branch, rotary positions,
/// grouped key and value heads, a gated MLP.
///
/// @param qkvBias whether query, key and value have biases
/// @param outputBias whether the output projection has one
/// @param headNorms whether each query and key head is normed
/// @param window how far a block's tokens see
record Llama(
        DecoderParts parts,
        boolean qkvBias,
        boolean outputBias,
        boolean headNorms,
        IntFunction<OptionalInt> window) {

    /// Llama 2 and 3, and what is saved under their name.
    static Architecture llama(ModelConfig given, TensorNames names) {
        ModelConfig config = given.withDefault("max_position_embeddings", 2048);
        boolean bias = config.flag("attention_bias", false);
        return new Llama(
                        DecoderParts.of("llama", config, names),
                        bias,
                        bias,
                        false,
                        _ -> OptionalInt.empty())
                .describe();
    }

    /// Mistral: every block has a sliding window, unless the configuration says that there is none.
    static Architecture mistral(ModelConfig given, TensorNames names) {
        return mistral("mistral", given, names);
    }

    /// Mistral 3.1 and 3.2: a Mistral beside a vision tower.
    static Architecture mistral3(ModelConfig given, TensorNames names) {
        return mistral("mistral3", given.decoder("mistral"), names);
    }

    private static Architecture mistral(String family, ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 131_072)
                        .withDefault("num_key_value_heads", 8)
                        .withDefault("sliding_window", 4096);
        OptionalInt window = AttentionWindows.sliding(config);
        return new Llama(DecoderParts.of(family, config, names), false, false, false, _ -> window)
                .describe();
    }

    /// Qwen 2 and 2.5: biases on query, key and value.
    static Architecture qwen2(ModelConfig given, TensorNames names) {
        ModelConfig config = qwen(given);
        return new Llama(
                        DecoderParts.of("qwen2", config, names),
                        true,
                        false,
                        false,
                        AttentionWindows.whereSwitchedOn(config))
                .describe();
    }

    /// Qwen 3: normed query and key heads.
    static Architecture qwen3(ModelConfig given, TensorNames names) {
        ModelConfig config = qwen(given).withDefault("head_dim", 128);
        boolean bias = config.flag("attention_bias", false);
        return new Llama(
                        DecoderParts.of("qwen3", config, names),
                        bias,
                        bias,
                        true,
                        AttentionWindows.whereSwitchedOn(config))
                .describe();
    }

    /// What transformers takes for granted where a Qwen's configuration is silent.
    private static ModelConfig qwen(ModelConfig config) {
        return config.withDefault("max_position_embeddings", 32_768)
                .withDefault("num_key_value_heads", 32)
                .withDefault("sliding_window", 4096);
    }

    private Architecture describe() {
        return parts.decoder(
                parts.embedding(),
                this::block,
                parts.head(parts.rms(parts.root() + "norm"), false));
    }

    private Block block(int index) {
        String name = parts.block(index);
        ModelConfig config = parts.config();
        Heads heads = Heads.of(config);
        AttentionBuilder attention =
                AttentionBuilder.separate(parts, heads, name + "self_attn.", qkvBias, outputBias)
                        .positions(RotaryReader.whole(config, heads))
                        .window(window.apply(index));
        if (headNorms) {
            attention.norms(
                    parts.rms(name + "self_attn.q_norm", heads.size()),
                    parts.rms(name + "self_attn.k_norm", heads.size()));
        }
        return DecoderParts.normFirst(
                name,
                parts::rms,
                attention.build(),
                parts.gated(name + "mlp.", config.flag("mlp_bias", false)));
    }
}
