package org.wanda4j.model.families;

import java.util.Optional;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Embedding;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Attention.Alibi;
import org.wanda4j.model.Block;

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
        heads = Heads.sharing(config, "num_attention_heads");
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
        return DecoderParts.normFirst(
                name,
                parts::layer,
                AttentionBuilder.interleaved(parts, heads, name + "self_attention.", true)
                        .positions(new Alibi(1))
                        .build(),
                parts.plain(
                        name + "mlp.dense_h_to_4h",
                        name + "mlp.dense_4h_to_h",
                        4 * parts.hidden(),
                        true,
                        Activation.GELU_TANH));
    }
}
