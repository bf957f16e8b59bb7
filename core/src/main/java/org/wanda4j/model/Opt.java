package org.wanda4j.model;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.wanda4j.model.Architecture.Attention;
import org.wanda4j.model.Architecture.Block;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Architecture.Linear;
import org.wanda4j.model.Architecture.Mlp;
import org.wanda4j.model.Architecture.Norm;
import org.wanda4j.model.Architecture.Positions;

/// OPT (Zhang et al., 2022): learned positions, layer norms, a plain MLP with ReLU; the 350M model norms behind the
/// branches and has narrower embeddings.
final class Opt {

    private static final String DECODER = "model.decoder.";
    private static final int FIRST_POSITION = 2;
    private static final double EPSILON = 1e-5;

    private final ModelConfig config;
    private final int hidden;
    private final boolean bias;

    private Opt(ModelConfig config) {
        this.config = config;
        this.hidden = config.size("hidden_size");
        this.bias = config.flag("enable_bias", true);
    }

    static Architecture describe(ModelConfig given) {
        ModelConfig config = given.withDefault("max_position_embeddings", 2048);
        var opt = new Opt(config);
        int width = config.size("word_embed_proj_dim", opt.hidden);
        boolean projected = width != opt.hidden;
        boolean normFirst = config.flag("do_layer_norm_before", true);
        boolean finalNorm = normFirst && !config.flag("_remove_final_layer_norm", false);
        boolean tied = config.flag("tie_word_embeddings", true);
        return new Architecture(
                "opt",
                opt.hidden,
                config.size("vocab_size"),
                config.size("max_position_embeddings"),
                new Embedding(
                        DECODER + "embed_tokens.weight",
                        width,
                        Optional.of(
                                new Positions(DECODER + "embed_positions.weight", FIRST_POSITION)),
                        projected
                                ? Optional.of(
                                        new Linear(
                                                DECODER + "project_in", width, opt.hidden, false))
                                : Optional.empty()),
                IntStream.range(0, config.size("num_hidden_layers")).mapToObj(opt::block).toList(),
                new Head(
                        finalNorm
                                ? Optional.of(opt.norm(DECODER + "final_layer_norm"))
                                : Optional.empty(),
                        projected
                                ? Optional.of(
                                        new Linear(
                                                DECODER + "project_out", opt.hidden, width, false))
                                : Optional.empty(),
                        tied ? DECODER + "embed_tokens.weight" : "lm_head.weight"));
    }

    private Block block(int index) {
        String name = DECODER + "layers." + index + ".";
        int heads = config.size("num_attention_heads");
        int inner = config.size("ffn_dim");
        if (hidden % heads != 0) {
            throw config.invalid(
                    "num_attention_heads",
                    "must divide hidden_size, is " + heads + " for " + hidden);
        }
        return new Block(
                norm(name + "self_attn_layer_norm"),
                new Attention(
                        square(name + "self_attn.q_proj"),
                        square(name + "self_attn.k_proj"),
                        square(name + "self_attn.v_proj"),
                        square(name + "self_attn.out_proj"),
                        heads,
                        heads,
                        hidden / heads,
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        OptionalInt.empty()),
                norm(name + "final_layer_norm"),
                new Mlp(
                        Optional.empty(),
                        new Linear(name + "fc1", hidden, inner, bias),
                        new Linear(name + "fc2", inner, hidden, bias),
                        Activation.of(config, "activation_function", "relu")),
                config.flag("do_layer_norm_before", true));
    }

    private Linear square(String name) {
        return new Linear(name, hidden, hidden, bias);
    }

    private Norm norm(String name) {
        return new Norm(
                Norm.Kind.LAYER,
                name,
                hidden,
                EPSILON,
                config.flag("layer_norm_elementwise_affine", true));
    }
}
