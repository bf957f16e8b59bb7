package org.wanda4j.model.families;

import java.util.List;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;

/// GPT-NeoX (Black et al., 2022) and Pythia: both branches read the block's input, each through a layer norm of its own; a
/// quarter of each head rotates; query, key and value lie head by head in one tensor.
final class GptNeoX {

    private final ModelConfig config;
    private final DecoderParts parts;
    private final Heads heads;

    private GptNeoX(ModelConfig given, TensorNames names) {
        config =
                given.renamed("rotary_emb_base", "rope_theta")
                        .renamed("rotary_pct", "partial_rotary_factor")
                        .withDefault("partial_rotary_factor", 0.25)
                        .withDefault("max_position_embeddings", 2048);
        String root = names.prefixOf("embed_in.weight", "gpt_neox.", "");
        parts = new DecoderParts("gpt_neox", config, names, root, config.width("hidden_size"));
        heads = Heads.sharing(config, "num_attention_heads");
    }

    static Architecture describe(ModelConfig given, TensorNames names) {
        var it = new GptNeoX(given, names);
        DecoderParts parts = it.parts;
        String table = parts.root() + "embed_in.weight";
        return parts.decoder(
                Embedding.of(table, parts.hidden()),
                it::block,
                Head.of(
                        parts.layer(parts.root() + "final_layer_norm"),
                        parts.headTable(table, "embed_out", false)));
    }

    private Block block(int index) {
        String name = parts.block(index);
        boolean bias = config.flag("attention_bias", true);
        return new Block(
                List.of(
                        Branch.normFirst(
                                parts.layer(name + "input_layernorm"),
                                AttentionBuilder.interleaved(
                                                parts, heads, name + "attention.", bias)
                                        .positions(RotaryReader.part(config, heads, false))
                                        .build()),
                        Branch.normFirst(
                                parts.layer(name + "post_attention_layernorm"),
                                parts.plain(
                                        name + "mlp.dense_h_to_4h",
                                        name + "mlp.dense_4h_to_h",
                                        config.width("intermediate_size"),
                                        true,
                                        parts.activation("gelu")))),
                config.flag("use_parallel_residual", true));
    }
}
