package org.wanda4j.model.families;

import java.util.List;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Attention.Alibi;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Mlp;

/// Falcon (Almazrouei et al., 2023), in three shapes. 7B: one key head, both branches read one normed input. 40B and 11B
/// (`new_decoder_architecture`): groups of query heads, the branches with a norm each or with one for both. The RW models:
/// as many key heads as query heads, one branch after the other, ALiBi.
final class Falcon {

    private static final String NEW = "new_decoder_architecture";

    private final ModelConfig config;
    private final DecoderParts parts;
    private final Heads heads;
    private final boolean isNew;
    private final boolean parallel;
    private final boolean bias;

    private Falcon(ModelConfig given, TensorNames names) {
        config =
                given.renamed("layer_norm_epsilon", "layer_norm_eps")
                        .renamed("n_embed", "hidden_size")
                        .renamed("n_layer", "num_hidden_layers")
                        .renamed("n_head", "num_attention_heads")
                        .renamed("n_head_kv", "num_kv_heads")
                        .withDefault("max_position_embeddings", 2048);
        isNew = config.flag(NEW, false);
        parallel = config.flag("parallel_attn", true);
        bias = config.flag("bias", false);
        if (isNew && !parallel) {
            throw config.invalid("parallel_attn", "must be true with " + NEW);
        }
        String root = names.prefixOf("word_embeddings.weight", "transformer.", "");
        parts = new DecoderParts("falcon", config, names, root, config.width("hidden_size"));
        heads = Heads.sharing(config, "num_attention_heads", keyHeads());
    }

    private int keyHeads() {
        int all = config.size("num_attention_heads");
        int grouped = config.size("num_kv_heads", all);
        if (isNew) {
            return grouped;
        }
        return config.flag("multi_query", true) ? 1 : all;
    }

    static Architecture describe(ModelConfig given, TensorNames names) {
        var it = new Falcon(given, names);
        DecoderParts parts = it.parts;
        String table = parts.root() + "word_embeddings.weight";
        return parts.decoder(
                Embedding.of(table, parts.hidden()),
                it::block,
                Head.of(
                        parts.layer(parts.root() + "ln_f"),
                        parts.headTable(table, "lm_head", true)));
    }

    private Block block(int index) {
        String name = parts.root() + "h." + index + ".";
        boolean twoNorms = parallel && config.count("num_ln_in_parallel_attn", isNew ? 2 : 1) == 2;
        String first = twoNorms ? "ln_attn" : "input_layernorm";
        String second =
                twoNorms ? "ln_mlp" : parallel ? "input_layernorm" : "post_attention_layernorm";
        return new Block(
                List.of(
                        Branch.normFirst(
                                parts.layer(name + first), attention(name + "self_attention.")),
                        Branch.normFirst(parts.layer(name + second), mlp(name + "mlp."))),
                parallel);
    }

    private Attention attention(String name) {
        // The biases of ALiBi are added before the products are scaled.
        double factor = 1 / Math.sqrt(heads.size());
        return AttentionBuilder.interleaved(parts, heads, name, bias)
                .positions(
                        config.flag("alibi", false)
                                ? new Alibi(factor)
                                : RotaryReader.whole(config, heads))
                .build();
    }

    private Mlp mlp(String name) {
        int inner = config.width("ffn_hidden_size", 4 * parts.hidden());
        return parts.plain(
                name + "dense_h_to_4h",
                name + "dense_4h_to_h",
                inner,
                bias,
                config.activation("activation", "gelu"));
    }
}
