package org.wanda4j.model.families;

import java.util.OptionalInt;
import org.wanda4j.model.Architecture;

/// StarCoder 2 (Lozhkov et al., 2024): Llama's attention with biases and a window, layer norms, a plain MLP, the head tied
/// to the embedding.
final class StarCoder2 {

    private StarCoder2() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.renamed("norm_epsilon", "layer_norm_eps")
                        .withDefault("max_position_embeddings", 4096)
                        .withDefault("num_key_value_heads", 2);
        DecoderParts parts = DecoderParts.of("starcoder2", config, names);
        Heads heads = Heads.of(config);
        boolean bias = config.flag("use_bias", true);
        OptionalInt window = AttentionWindows.sliding(config);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    return DecoderParts.normFirst(
                            name,
                            parts::layer,
                            AttentionBuilder.separate(parts, heads, name + "self_attn.", bias, bias)
                                    .positions(RotaryReader.whole(config, heads))
                                    .window(window)
                                    .build(),
                            parts.plain(
                                    name + "mlp.c_fc",
                                    name + "mlp.c_proj",
                                    config.width("intermediate_size"),
                                    bias,
                                    parts.activation("gelu_pytorch_tanh")));
                },
                parts.head(parts.layer(parts.root() + "norm"), true));
    }
}
