package org.wanda4j.model.families;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;

/// What most families are made of, by the names that most of them use.
///
/// @param family the `model_type`
/// @param config the decoder's, complete with the family's defaults
/// @param names of the checkpoint's tensors
/// @param root what the names of the decoder's tensors begin with
/// @param hidden size of the hidden state
record DecoderParts(String family, ModelConfig config, TensorNames names, String root, int hidden) {

    /// What precedes a decoder's names, by who saved it: a causal model, a model without a head, a model with a vision
    /// tower as of transformers 4, one as of transformers 5.
    private static final String[] ROOTS = {
        "model.", "", "language_model.model.", "model.language_model."
    };

    private static final String HEAD = "lm_head";

    /// The parts of a decoder whose table is `embed_tokens`.
    static DecoderParts of(String family, ModelConfig config, TensorNames names) {
        String root = names.prefixOf("embed_tokens.weight", ROOTS);
        return new DecoderParts(family, config, names, root, config.width("hidden_size"));
    }

    /// A decoder of `num_hidden_layers` blocks.
    ///
    /// @param block from a block's number to the block
    Architecture decoder(Embedding embedding, IntFunction<Block> block, Head head) {
        return new Architecture(
                family,
                hidden,
                config.size("vocab_size"),
                config.size("max_position_embeddings"),
                embedding,
                IntStream.range(0, config.blocks()).mapToObj(block).toList(),
                head);
    }

    /// What the names of a block's tensors begin with.
    String block(int index) {
        return root + "layers." + index + ".";
    }

    /// Attention behind `input_layernorm`, then `second` behind `post_attention_layernorm`.
    ///
    /// @param name what the names of the block's tensors begin with
    /// @param norm from a norm's name to the norm
    static Block normFirst(
            String name, Function<String, Norm> norm, Attention attention, Mixer second) {
        return Block.sequential(
                Branch.normFirst(norm.apply(name + "input_layernorm"), attention),
                Branch.normFirst(norm.apply(name + "post_attention_layernorm"), second));
    }

    String table() {
        return root + "embed_tokens.weight";
    }

    Embedding embedding() {
        return Embedding.of(table(), hidden);
    }

    /// An embedding whose rows are multiplied by `scale`.
    Embedding embedding(double scale) {
        return new Embedding(
                table(), hidden, scale, Optional.empty(), Optional.empty(), Optional.empty());
    }

    /// A norm and a table: the embedding's where `tie_word_embeddings` says so, which is `tied` where it is absent.
    Head head(Norm norm, boolean tied) {
        return head(norm, tied, 1, OptionalDouble.empty());
    }

    Head head(Norm norm, boolean tied, double scale, OptionalDouble cap) {
        return new Head(
                Optional.of(norm),
                Optional.empty(),
                headTable(table(), HEAD, tied),
                Optional.empty(),
                scale,
                cap);
    }

    /// The name of the head's matrix.
    ///
    /// @param embedding the name of the embedding's
    /// @param module the head's
    /// @param tied whether the two are one where the configuration is silent
    String headTable(String embedding, String module, boolean tied) {
        if (config.flag("tie_word_embeddings", tied)) {
            return embedding;
        }
        String beside = root.startsWith("language_model.") ? "language_model." : "";
        return beside + module + ".weight";
    }

    /// An RMS norm of the hidden state, with `rms_norm_eps`.
    Norm rms(String name) {
        return rms(name, hidden);
    }

    Norm rms(String name, int width) {
        return Norm.rms(name, width, config.number("rms_norm_eps", 1e-6));
    }

    /// A layer norm of the hidden state, with `layer_norm_eps`.
    Norm layer(String name) {
        return Norm.layer(name, hidden, layerEpsilon());
    }

    /// `layer_norm_eps`.
    double layerEpsilon() {
        return config.number("layer_norm_eps", 1e-5);
    }

    /// A linear that is a module of its own, reading the hidden state.
    Linear linear(String name, int outputs, boolean bias) {
        return Linear.of(name, hidden, outputs, bias);
    }

    /// `down_proj(activation(gate_proj(x)) * up_proj(x))`.
    Mlp gated(String name, int inner, boolean bias, Activation activation) {
        return new Mlp(
                Optional.of(linear(name + "gate_proj", inner, bias)),
                linear(name + "up_proj", inner, bias),
                Linear.of(name + "down_proj", inner, hidden, bias),
                activation);
    }

    /// The same of `intermediate_size`, with the function that `hidden_act` names.
    Mlp gated(String name, boolean bias) {
        return gated(name, config.width("intermediate_size"), bias, activation("silu"));
    }

    /// The same without biases.
    Mlp gated(String name) {
        return gated(name, false);
    }

    /// Gate and up in one tensor, gate first: `gate_up_proj`; and `down_proj`.
    Mlp gatedFused(String name) {
        int inner = config.width("intermediate_size");
        return fused(name + "gate_up_proj", name + "down_proj", inner, activation("silu"));
    }

    /// Gate and up in the tensor `first`, gate first.
    Mlp fused(String first, String down, int inner, Activation activation) {
        Fused both = Fused.of(first, hidden, 2 * inner, false);
        return new Mlp(
                Optional.of(both.rows("gate", 0, inner)),
                both.rows("up", inner, inner),
                Linear.of(down, inner, hidden, false),
                activation);
    }

    /// `second(activation(first(x)))`, both with a bias or without.
    Mlp plain(String first, String second, int inner, boolean bias, Activation activation) {
        return new Mlp(
                Optional.empty(),
                linear(first, inner, bias),
                Linear.of(second, inner, hidden, bias),
                activation);
    }

    /// The function that `hidden_act` names.
    Activation activation(String fallback) {
        return config.activation("hidden_act", fallback);
    }

    /// A branch between two norms (Gemma 2, GLM 4).
    static Branch between(Norm before, Mixer mixer, Norm after) {
        return new Branch(Optional.of(before), mixer, Optional.of(after), Optional.empty(), 1);
    }

    /// A branch that is multiplied before it is added (Granite).
    static Branch multiplied(Norm before, Mixer mixer, double multiplier) {
        return new Branch(
                Optional.of(before), mixer, Optional.empty(), Optional.empty(), multiplier);
    }
}
