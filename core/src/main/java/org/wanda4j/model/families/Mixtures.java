package org.wanda4j.model.families;

import java.util.HashSet;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Mlp;

/// Mixtures of experts in Llama's blocks, each expert a module of its own: Mixtral (Jiang et al., 2024), Qwen 2 MoE, which
/// has a shared expert beside them, and Qwen 3 MoE. Some of a Qwen's blocks may be dense.
final class Mixtures {

    /// More than any model has, in a block and in all.
    private static final int MOST_EXPERTS = 4096;

    private static final int MOST_OF_ALL = 1 << 18;

    private final DecoderParts parts;
    private final ModelConfig config;
    private final Heads heads;

    private Mixtures(String family, ModelConfig config, TensorNames names) {
        this.config = config;
        this.parts = DecoderParts.of(family, config, names);
        this.heads = Heads.of(config);
    }

    static Architecture mixtral(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 131_072)
                        .withDefault("num_key_value_heads", 8)
                        .withDefault("rms_norm_eps", 1e-5)
                        .withDefault("rope_theta", 1e6);
        OptionalInt window = AttentionWindows.sliding(config);
        var it = new Mixtures("mixtral", config, names);
        return it.describe(
                index -> it.attention(index, false, false).window(window),
                index -> it.mixtralExperts(it.parts.block(index) + "block_sparse_moe."));
    }

    static Architecture qwen2(ModelConfig given, TensorNames names) {
        ModelConfig config =
                qwen(given)
                        .withDefault("num_key_value_heads", 16)
                        .withDefault("moe_intermediate_size", 1408)
                        .withDefault("shared_expert_intermediate_size", 5632)
                        .withDefault("num_experts", 60)
                        .withDefault("num_experts_per_tok", 4);
        boolean bias = config.flag("qkv_bias", true);
        IntFunction<OptionalInt> window = AttentionWindows.whereSwitchedOn(config);
        var it = new Mixtures("qwen2_moe", config, names);
        return it.describe(
                index -> it.attention(index, bias, false).window(window.apply(index)),
                index -> it.qwenMixer(index, true));
    }

    static Architecture qwen3(ModelConfig given, TensorNames names) {
        ModelConfig config =
                qwen(given)
                        .withDefault("num_key_value_heads", 4)
                        .withDefault("moe_intermediate_size", 768)
                        .withDefault("num_experts", 128)
                        .withDefault("num_experts_per_tok", 8);
        boolean bias = config.flag("attention_bias", false);
        OptionalInt window =
                config.flag("use_sliding_window", false)
                        ? AttentionWindows.sliding(config)
                        : OptionalInt.empty();
        var it = new Mixtures("qwen3_moe", config, names);
        return it.describe(
                index -> {
                    String name = it.parts.block(index) + "self_attn.";
                    return it.attention(index, bias, bias)
                            .window(window)
                            .norms(
                                    it.parts.rms(name + "q_norm", it.heads.size()),
                                    it.parts.rms(name + "k_norm", it.heads.size()));
                },
                index -> it.qwenMixer(index, false));
    }

    private static ModelConfig qwen(ModelConfig given) {
        return given.renamed("num_local_experts", "num_experts")
                .withDefault("max_position_embeddings", 32_768)
                .withDefault("sliding_window", 4096);
    }

    /// How many experts a block has.
    ///
    /// @param count what the entry `key` says
    /// @throws InvalidInputException when that is more than any model has
    static int believed(ModelConfig config, String key, int count) {
        if (count > MOST_EXPERTS || (long) count * config.blocks() > MOST_OF_ALL) {
            throw config.invalid(key, "is too large: " + count);
        }
        return count;
    }

    /// How many experts a token goes to.
    ///
    /// @param experts how many there are
    static int chosen(ModelConfig config, String key, int fallback, int experts) {
        int chosen = config.size(key, fallback);
        if (chosen > experts) {
            throw config.invalid(key, "is " + chosen + ", but there are " + experts + " experts");
        }
        return chosen;
    }

    private Architecture describe(
            IntFunction<AttentionBuilder> attention, IntFunction<Mixer> second) {
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    return DecoderParts.normFirst(
                            name, parts::rms, attention.apply(index).build(), second.apply(index));
                },
                parts.head(parts.rms(parts.root() + "norm"), false));
    }

    private AttentionBuilder attention(int index, boolean bias, boolean outputBias) {
        return AttentionBuilder.separate(
                        parts, heads, parts.block(index) + "self_attn.", bias, outputBias)
                .positions(RotaryReader.whole(config, heads));
    }

    private Experts mixtralExperts(String name) {
        int count = believed(config, "num_local_experts", config.size("num_local_experts", 8));
        int inner = config.width("intermediate_size");
        Activation activation = parts.activation("silu");
        return new Experts(
                parts.linear(name + "gate", count, false),
                IntStream.range(0, count)
                        .mapToObj(i -> name + "experts." + i + ".")
                        .map(expert ->
                                new Mlp(
                                        Optional.of(parts.linear(expert + "w1", inner, false)),
                                        parts.linear(expert + "w3", inner, false),
                                        Linear.of(expert + "w2", inner, parts.hidden(), false),
                                        activation))
                        .toList(),
                chosen(config, "num_experts_per_tok", 2, count),
                true,
                Optional.empty(),
                Optional.empty());
    }

    /// Experts in every `decoder_sparse_step`-th block but those of `mlp_only_layers`, which are dense.
    private Mixer qwenMixer(int index, boolean shared) {
        String name = parts.block(index) + "mlp.";
        Set<Integer> dense = new HashSet<>(config.counts("mlp_only_layers"));
        int step = config.size("decoder_sparse_step", 1);
        int count = believed(config, "num_experts", config.count("num_experts", 0));
        if (dense.contains(index) || (index + 1) % step != 0 || count == 0) {
            return parts.gated(name);
        }
        Activation activation = parts.activation("silu");
        int inner = config.width("moe_intermediate_size");
        return new Experts(
                parts.linear(name + "gate", count, false),
                IntStream.range(0, count)
                        .mapToObj(i ->
                                parts.gated(name + "experts." + i + ".", inner, false, activation))
                        .toList(),
                chosen(config, "num_experts_per_tok", 1, count),
                config.flag("norm_topk_prob", false),
                shared
                        ? Optional.of(
                                parts.gated(
                                        name + "shared_expert.",
                                        config.width("shared_expert_intermediate_size"),
                                        false,
                                        activation))
                        : Optional.empty(),
                shared
                        ? Optional.of(parts.linear(name + "shared_expert_gate", 1, false))
                        : Optional.empty());
    }
}
