package org.wanda4j.model.families;

import java.util.Optional;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Architecture.LearnedPositions;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Mlp;

/// GPT-2 (Radford et al., 2019): learned positions, layer norms, query, key and value in one tensor, a plain MLP; every
/// matrix is stored inputs x outputs.
final class Gpt2 {

    private final ModelConfig config;
    private final DecoderParts parts;
    private final Heads heads;

    private Gpt2(ModelConfig given, TensorNames names) {
        config =
                given.renamed("layer_norm_epsilon", "layer_norm_eps")
                        .renamed("n_embd", "hidden_size")
                        .renamed("n_layer", "num_hidden_layers")
                        .renamed("n_positions", "max_position_embeddings")
                        .withDefault("hidden_size", 768)
                        .withDefault("num_hidden_layers", 12)
                        .withDefault("max_position_embeddings", 1024)
                        .withDefault("n_head", 12);
        config.refuse("add_cross_attention", false);
        String root = names.prefixOf("wte.weight", "transformer.", "");
        parts = new DecoderParts("gpt2", config, names, root, config.width("hidden_size"));
        heads = Heads.sharing(config, "n_head");
    }

    static Architecture describe(ModelConfig given, TensorNames names) {
        var it = new Gpt2(given, names);
        DecoderParts parts = it.parts;
        String table = parts.root() + "wte.weight";
        return parts.decoder(
                new Embedding(
                        table,
                        parts.hidden(),
                        1,
                        Optional.of(new LearnedPositions(parts.root() + "wpe.weight", 0)),
                        Optional.empty(),
                        Optional.empty()),
                it::block,
                Head.of(
                        parts.layer(parts.root() + "ln_f"),
                        parts.headTable(table, "lm_head", true)));
    }

    private Block block(int index) {
        String name = parts.root() + "h." + index + ".";
        return Block.sequential(
                Branch.normFirst(parts.layer(name + "ln_1"), attention(name + "attn.", index)),
                Branch.normFirst(parts.layer(name + "ln_2"), mlp(name + "mlp.")));
    }

    private Attention attention(String name, int index) {
        int hidden = parts.hidden();
        double scale = config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(heads.size()) : 1;
        boolean byDepth = config.flag("scale_attn_by_inverse_layer_idx", false);
        return AttentionBuilder.stacked(
                        heads,
                        Fused.transposed(name + "c_attn", hidden, 3 * hidden),
                        Fused.transposed(name + "c_proj", hidden, hidden).all())
                .scale(byDepth ? scale / (index + 1) : scale)
                .build();
    }

    private Mlp mlp(String name) {
        int hidden = parts.hidden();
        int inner = config.width("n_inner", 4 * hidden);
        return new Mlp(
                Optional.empty(),
                Fused.transposed(name + "c_fc", hidden, inner).all(),
                Fused.transposed(name + "c_proj", inner, hidden).all(),
                config.activation("activation_function", "gelu_new"));
    }
}
