package org.wanda4j.model;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture.Attention;
import org.wanda4j.model.Architecture.Block;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.model.Architecture.Mlp;
import org.wanda4j.model.Architecture.Norm;

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

    /// Llama 2 and 3, and what is saved under their name.
    static Architecture llama(ModelConfig config, Checkpoint checkpoint) {
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLike("llama", config, bias, bias, false, LlamaLike::everything)
                .describe(checkpoint);
    }

    /// Mistral: every block has a sliding window, where the configuration names one.
    static Architecture mistral(ModelConfig config, Checkpoint checkpoint) {
        return new LlamaLike("mistral", config, false, false, false, block -> slidingWindow(config))
                .describe(checkpoint);
    }

    /// Qwen 2 and 2.5: biases on query, key and value.
    static Architecture qwen2(ModelConfig config, Checkpoint checkpoint) {
        return new LlamaLike("qwen2", config, true, false, false, qwenWindow(config))
                .describe(checkpoint);
    }

    /// Qwen 3: normed query and key heads.
    static Architecture qwen3(ModelConfig config, Checkpoint checkpoint) {
        boolean bias = config.flag("attention_bias", false);
        return new LlamaLike("qwen3", config, bias, bias, true, qwenWindow(config))
                .describe(checkpoint);
    }

    private Architecture describe(Checkpoint checkpoint) {
        int hidden = config.size("hidden_size");
        String table = "model.embed_tokens.weight";
        boolean tied =
                config.flag("tie_word_embeddings", false)
                        || checkpoint.find("lm_head.weight").isEmpty();
        return new Architecture(
                family,
                hidden,
                config.size("vocab_size"),
                config.size("max_position_embeddings"),
                new Embedding(table, hidden, Optional.empty(), Optional.empty()),
                IntStream.range(0, config.size("num_hidden_layers")).mapToObj(this::block).toList(),
                new Head(
                        Optional.of(norm("model.norm", hidden)),
                        Optional.empty(),
                        tied ? table : "lm_head.weight"));
    }

    private Block block(int index) {
        String name = "model.layers." + index + ".";
        int hidden = config.size("hidden_size");
        return new Block(
                norm(name + "input_layernorm", hidden),
                attention(name + "self_attn.", hidden, window.apply(index)),
                norm(name + "post_attention_layernorm", hidden),
                mlp(name + "mlp.", hidden),
                true);
    }

    private Attention attention(String name, int hidden, OptionalInt sees) {
        int heads = config.size("num_attention_heads");
        int keyValueHeads = config.size("num_key_value_heads", heads);
        int headSize = config.size("head_dim", hidden / heads);
        if (heads % keyValueHeads != 0 || headSize % 2 != 0) {
            throw config.invalid(
                    "num_key_value_heads",
                    "must divide num_attention_heads, and the size of a head must be even");
        }
        return new Attention(
                new Linear(name + "q_proj", hidden, heads * headSize, qkvBias),
                new Linear(name + "k_proj", hidden, keyValueHeads * headSize, qkvBias),
                new Linear(name + "v_proj", hidden, keyValueHeads * headSize, qkvBias),
                new Linear(name + "o_proj", heads * headSize, hidden, outputBias),
                heads,
                keyValueHeads,
                headSize,
                headNorms ? Optional.of(norm(name + "q_norm", headSize)) : Optional.empty(),
                headNorms ? Optional.of(norm(name + "k_norm", headSize)) : Optional.empty(),
                Optional.of(Rotary.of(config, headSize)),
                sees);
    }

    private Mlp mlp(String name, int hidden) {
        int inner = config.size("intermediate_size");
        boolean bias = config.flag("mlp_bias", false);
        return new Mlp(
                Optional.of(new Linear(name + "gate_proj", hidden, inner, bias)),
                new Linear(name + "up_proj", hidden, inner, bias),
                new Linear(name + "down_proj", inner, hidden, bias),
                Activation.of(config, "hidden_act", "silu"));
    }

    private Norm norm(String name, int width) {
        return new Norm(Norm.Kind.RMS, name, width, config.number("rms_norm_eps", 1e-6), true);
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
        if (!config.flag("use_sliding_window", false)) {
            return LlamaLike::everything;
        }
        List<String> types = config.texts("layer_types");
        int first = config.count("max_window_layers", 28);
        return block -> {
            boolean windowed =
                    block < types.size()
                            ? types.get(block).equals("sliding_attention")
                            : block >= first;
            return windowed ? slidingWindow(config) : OptionalInt.empty();
        };
    }
}
