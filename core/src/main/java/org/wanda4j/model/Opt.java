package org.wanda4j.model;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Architecture.LearnedPositions;
import org.wanda4j.model.Attention.NoPositions;
import org.wanda4j.model.Block.Branch;

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
        String table = DECODER + "embed_tokens.weight";
        boolean tied = config.flag("tie_word_embeddings", true);
        return new Architecture(
                "opt",
                opt.hidden,
                config.size("vocab_size"),
                config.size("max_position_embeddings"),
                new Embedding(
                        table,
                        width,
                        1,
                        Optional.of(
                                new LearnedPositions(
                                        DECODER + "embed_positions.weight", FIRST_POSITION)),
                        projected
                                ? Optional.of(
                                        Linear.of(DECODER + "project_in", width, opt.hidden, false))
                                : Optional.empty(),
                        Optional.empty()),
                IntStream.range(0, config.size("num_hidden_layers")).mapToObj(opt::block).toList(),
                new Head(
                        finalNorm
                                ? Optional.of(opt.norm(DECODER + "final_layer_norm"))
                                : Optional.empty(),
                        projected
                                ? Optional.of(
                                        Linear.of(
                                                DECODER + "project_out", opt.hidden, width, false))
                                : Optional.empty(),
                        tied ? table : "lm_head.weight",
                        Optional.empty(),
                        1,
                        OptionalDouble.empty()));
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
        return Block.sequential(
                branch(
                        norm(name + "self_attn_layer_norm"),
                        new Attention(
                                square(name + "self_attn.q_proj"),
                                square(name + "self_attn.k_proj"),
                                square(name + "self_attn.v_proj"),
                                square(name + "self_attn.out_proj"),
                                heads,
                                heads,
                                hidden / heads,
                                1 / Math.sqrt(hidden / heads),
                                OptionalDouble.empty(),
                                OptionalDouble.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                new NoPositions(),
                                OptionalInt.empty())),
                branch(
                        norm(name + "final_layer_norm"),
                        new Mlp(
                                Optional.empty(),
                                Linear.of(name + "fc1", hidden, inner, bias),
                                Linear.of(name + "fc2", inner, hidden, bias),
                                Activation.of(config, "activation_function", "relu"))));
    }

    private Branch branch(Norm norm, Mixer mixer) {
        return config.flag("do_layer_norm_before", true)
                ? Branch.normFirst(norm, mixer)
                : new Branch(Optional.empty(), mixer, Optional.empty(), Optional.of(norm), 1);
    }

    private Linear square(String name) {
        return Linear.of(name, hidden, hidden, bias);
    }

    private Norm norm(String name) {
        return config.flag("layer_norm_elementwise_affine", true)
                ? Norm.layer(name, hidden, EPSILON)
                : Norm.plainLayer(hidden, EPSILON);
    }
}
