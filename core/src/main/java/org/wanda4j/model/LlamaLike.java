package org.wanda4j.model;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Block.Branch;

/// Llama (Touvron et al., 2023) and the families that changed one thing in it: RMS norms before each branch, rotary
/// positions, grouped key and value heads, a gated MLP.
///
/// @param qkvBias whether query, key and value have biases
/// @param outputBias whether the output projection has one
/// @param headNorms whether each query and key head is normed
/// @param window how far a block's tokens see
record LlamaLike(
        String family,
        ModelConfig config,
        boolean qkvBias,
        boolean outputBias,
        boolean headNorms,
        IntFunction<OptionalInt> window) {

    private static final String WINDOWED = "sliding_attention";
    private static final String FULL = "full_attention";

    /// Llama 2 and 3, and what is saved under their name.
    static Architecture llama(ModelConfig given) {
        ModelConfig config = given.withDefault("max_position_embeddings", 2048);
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLike("llama", config, bias, bias, false, LlamaLike::everything).describe();
    }

    /// Mistral: every block has a sliding window, unless the configuration says that there is none.
    static Architecture mistral(ModelConfig given) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 131_072)
                        .withDefault("num_key_value_heads", 8)
                        .withDefault("sliding_window", 4096);
        return new LlamaLike("mistral", config, false, false, false, block -> slidingWindow(config))
                .describe();
    }

    /// Qwen 2 and 2.5: biases on query, key and value.
    static Architecture qwen2(ModelConfig given) {
        ModelConfig config = qwen(given);
        return new LlamaLike("qwen2", config, true, false, false, qwenWindow(config)).describe();
    }

    /// Qwen 3: normed query and key heads.
    static Architecture qwen3(ModelConfig given) {
        ModelConfig config = qwen(given).withDefault("head_dim", 128);
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLike("qwen3", config, bias, bias, true, qwenWindow(config)).describe();
    }

    /// What transformers takes for granted where a Qwen's configuration is silent.
    private static ModelConfig qwen(ModelConfig config) {
        return config.withDefault("max_position_embeddings", 32_768)
                .withDefault("num_key_value_heads", 32)
                .withDefault("sliding_window", 4096);
    }

    private Architecture describe() {
        int hidden = config.size("hidden_size");
        String table = "model.embed_tokens.weight";
        boolean tied = config.flag("tie_word_embeddings", false);
        return new Architecture(
                family,
                hidden,
                config.size("vocab_size"),
                config.size("max_position_embeddings"),
                Embedding.of(table, hidden),
                IntStream.range(0, config.size("num_hidden_layers")).mapToObj(this::block).toList(),
                Head.of(norm("model.norm", hidden), tied ? table : "lm_head.weight"));
    }

    private Block block(int index) {
        String name = "model.layers." + index + ".";
        int hidden = config.size("hidden_size");
        return Block.sequential(
                Branch.normFirst(
                        norm(name + "input_layernorm", hidden),
                        attention(name + "self_attn.", hidden, window.apply(index))),
                Branch.normFirst(
                        norm(name + "post_attention_layernorm", hidden),
                        mlp(name + "mlp.", hidden)));
    }

    private Attention attention(String name, int hidden, OptionalInt sees) {
        int heads = config.size("num_attention_heads");
        int keyValueHeads = config.size("num_key_value_heads", heads);
        int headSize = config.size("head_dim", hidden / heads);
        if (heads % keyValueHeads != 0) {
            throw config.invalid(
                    "num_key_value_heads",
                    "must divide num_attention_heads, is "
                            + keyValueHeads
                            + " for "
                            + heads
                            + " heads");
        }
        if (headSize < 2 || headSize % 2 != 0) {
            throw config.invalid(
                    "head_dim", "must be even to be rotated, and at least 2; is " + headSize);
        }
        if ((long) heads * headSize > Integer.MAX_VALUE) {
            throw config.invalid(
                    "num_attention_heads", "is too large: " + heads + " heads of " + headSize);
        }
        return new Attention(
                Linear.of(name + "q_proj", hidden, heads * headSize, qkvBias),
                Linear.of(name + "k_proj", hidden, keyValueHeads * headSize, qkvBias),
                Linear.of(name + "v_proj", hidden, keyValueHeads * headSize, qkvBias),
                Linear.of(name + "o_proj", heads * headSize, hidden, outputBias),
                heads,
                keyValueHeads,
                headSize,
                1 / Math.sqrt(headSize),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                headNorms ? Optional.of(norm(name + "q_norm", headSize)) : Optional.empty(),
                headNorms ? Optional.of(norm(name + "k_norm", headSize)) : Optional.empty(),
                Rotary.of(config, headSize),
                sees);
    }

    private Mlp mlp(String name, int hidden) {
        int inner = config.size("intermediate_size");
        boolean bias = config.flag("mlp_bias", false);
        return new Mlp(
                Optional.of(Linear.of(name + "gate_proj", hidden, inner, bias)),
                Linear.of(name + "up_proj", hidden, inner, bias),
                Linear.of(name + "down_proj", inner, hidden, bias),
                Activation.of(config, "hidden_act", "silu"));
    }

    private Norm norm(String name, int width) {
        return Norm.rms(name, width, config.number("rms_norm_eps", 1e-6));
    }

    private static OptionalInt everything(int block) {
        return OptionalInt.empty();
    }

    private static OptionalInt slidingWindow(ModelConfig config) {
        return config.has("sliding_window")
                ? OptionalInt.of(config.size("sliding_window"))
                : OptionalInt.empty();
    }

    /// Qwen's blocks see a window only if the configuration switches it on: those that `layer_types` names, or those
    /// from `max_window_layers` on.
    private static IntFunction<OptionalInt> qwenWindow(ModelConfig config) {
        List<String> types = config.texts("layer_types");
        checkLayerTypes(config, types);
        if (!config.flag("use_sliding_window", false)) {
            return LlamaLike::everything;
        }
        int first = config.count("max_window_layers", 28);
        return block -> {
            boolean windowed = types.isEmpty() ? block >= first : types.get(block).equals(WINDOWED);
            return windowed ? slidingWindow(config) : OptionalInt.empty();
        };
    }

    private static void checkLayerTypes(ModelConfig config, List<String> types) {
        int blocks = config.size("num_hidden_layers");
        if (!types.isEmpty() && types.size() != blocks) {
            throw config.invalid(
                    "layer_types", "has " + types.size() + " entries for " + blocks + " blocks");
        }
        for (String type : types) {
            if (!type.equals(WINDOWED) && !type.equals(FULL)) {
                throw config.invalid(
                        "layer_types",
                        "'" + type + "' is not supported (" + FULL + ", " + WINDOWED + " are)");
            }
        }
    }
}
