package org.wanda4j.model.families;

import java.util.Optional;
import java.util.OptionalDouble;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Architecture.LearnedPositions;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Norm;

/// OPT (Zhang et al., 2022): learned positions, layer norms, a plain MLP with ReLU; the 350M model norms behind the
/// branches and has narrower embeddings.
final class Opt {

    private static final int FIRST_POSITION = 2;
    private static final double EPSILON = 1e-5;

    private final ModelConfig config;
    private final DecoderParts parts;
    private final int hidden;
    private final boolean bias;

    private Opt(ModelConfig given, TensorNames names) {
        config = given.withDefault("max_position_embeddings", 2048);
        hidden = config.width("hidden_size");
        bias = config.flag("enable_bias", true);
        String root = names.prefixOf("embed_tokens.weight", "model.decoder.", "decoder.");
        parts = new DecoderParts("opt", config, names, root, hidden);
    }

    static Architecture describe(ModelConfig given, TensorNames names) {
        var it = new Opt(given, names);
        return it.parts.decoder(it.embedding(), it::block, it.head());
    }

    private int width() {
        return config.width("word_embed_proj_dim", hidden);
    }

    private Embedding embedding() {
        String root = parts.root();
        return new Embedding(
                parts.table(),
                width(),
                1,
                Optional.of(new LearnedPositions(root + "embed_positions.weight", FIRST_POSITION)),
                projection(root + "project_in", width(), hidden),
                Optional.empty());
    }

    private Head head() {
        String root = parts.root();
        boolean normed =
                config.flag("do_layer_norm_before", true)
                        && !config.flag("_remove_final_layer_norm", false);
        return new Head(
                normed ? Optional.of(norm(root + "final_layer_norm")) : Optional.empty(),
                projection(root + "project_out", hidden, width()),
                parts.headTable(parts.table(), "lm_head", true),
                Optional.empty(),
                1,
                OptionalDouble.empty());
    }

    private Optional<Linear> projection(String name, int inputs, int outputs) {
        return inputs == outputs
                ? Optional.empty()
                : Optional.of(Linear.of(name, inputs, outputs, false));
    }

    private Block block(int index) {
        String name = parts.block(index);
        Heads heads = Heads.sharing(config, "num_attention_heads");
        return Block.sequential(
                branch(
                        norm(name + "self_attn_layer_norm"),
                        AttentionBuilder.separate(
                                        parts, heads, name + "self_attn.", "out_proj", bias, bias)
                                .build()),
                branch(
                        norm(name + "final_layer_norm"),
                        parts.plain(
                                name + "fc1",
                                name + "fc2",
                                config.width("ffn_dim"),
                                bias,
                                config.activation("activation_function", "relu"))));
    }

    private Branch branch(Norm norm, Mixer mixer) {
        return config.flag("do_layer_norm_before", true)
                ? Branch.normFirst(norm, mixer)
                : new Branch(Optional.empty(), mixer, Optional.empty(), Optional.of(norm), 1);
    }

    private Norm norm(String name) {
        return config.flag("layer_norm_elementwise_affine", true)
                ? Norm.layer(name, hidden, EPSILON)
                : Norm.plainLayer(hidden, EPSILON);
    }
}
