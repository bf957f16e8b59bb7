package org.wanda4j.model.families;

import java.util.Optional;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Attention.Alibi;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Linear;

/// BLOOM (BigScience, 2022): a norm behind the embedding, linear biases instead of positions (ALiBi), query, key and value
/// head by head in one tensor, a plain MLP of four times the hidden size, the head tied to the embedding.
final class Bloom {

    /// The longest sequence that the models were trained with; the configuration does not say.
    private static final int POSITIONS = 2048;

    private final ModelConfig config;
    private final DecoderParts parts;
    private final Heads heads;

    private Bloom(ModelConfig given, TensorNames names) {
        config =
                given.renamed("layer_norm_epsilon", "layer_norm_eps")
                        .renamed("n_embed", "hidden_size")
                        .renamed("n_layer", "num_hidden_layers")
                        .renamed("n_head", "num_attention_heads")
                        .withDefault(
                                "max_position_embeddings", given.size("seq_length", POSITIONS));
        config.refuse("apply_residual_connection_post_layernorm", false);
        String root = names.prefixOf("word_embeddings.weight", "transformer.", "");
        parts = new DecoderParts("bloom", config, names, root, config.width("hidden_size"));
        int all = config.size("num_attention_heads");
        heads = Heads.sharing(config, "num_attention_heads", all);
    }

    static Architecture describe(ModelConfig given, TensorNames names) {
        var it = new Bloom(given, names);
        DecoderParts parts = it.parts;
        String table = parts.root() + "word_embeddings.weight";
        return parts.decoder(
                new Embedding(
                        table,
                        parts.hidden(),
                        1,
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(parts.layer(parts.root() + "word_embeddings_layernorm"))),
                it::block,
                Head.of(
                        parts.layer(parts.root() + "ln_f"),
                        parts.headTable(table, "lm_head", true)));
    }

    private Block block(int index) {
        String name = parts.root() + "h." + index + ".";
        String attention = name + "self_attention.";
        int hidden = parts.hidden();
        return Block.sequential(
                Branch.normFirst(
                        parts.layer(name + "input_layernorm"),
                        AttentionBuilder.interleaved(
                                        heads,
                                        Fused.of(
                                                attention + "query_key_value",
                                                hidden,
                                                3 * hidden,
                                                true),
                                        Linear.of(attention + "dense", hidden, hidden, true))
                                .positions(new Alibi(1))
                                .build()),
                Branch.normFirst(
                        parts.layer(name + "post_attention_layernorm"),
                        parts.plain(
                                name + "mlp.dense_h_to_4h",
                                name + "mlp.dense_4h_to_h",
                                4 * hidden,
                                true,
                                Activation.GELU_TANH)));
    }
}
