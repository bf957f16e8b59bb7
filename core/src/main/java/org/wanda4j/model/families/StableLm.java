package org.wanda4j.model.families;

import java.util.List;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Norm;

/// StableLM 2 (Stability AI, 2024): Llama's blocks with layer norms, a quarter of each head rotating, and biases on query,
/// key and value; or both branches behind one norm, with a norm for each query and key head.
final class StableLm {

    private StableLm() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 4096)
                        .withDefault("num_key_value_heads", 32)
                        .withDefault("partial_rotary_factor", 0.25);
        DecoderParts parts = DecoderParts.of("stablelm", config, names);
        Heads heads = Heads.of(config);
        boolean parallel = config.flag("use_parallel_residual", false);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    Mlp mlp = parts.gated(name + "mlp.");
                    Norm first = parts.layer(name + "input_layernorm");
                    Norm second = parallel ? first : parts.layer(name + "post_attention_layernorm");
                    return new Block(
                            List.of(
                                    Branch.normFirst(
                                            first, attention(parts, heads, name + "self_attn.")),
                                    Branch.normFirst(second, mlp)),
                            parallel);
                },
                parts.head(parts.layer(parts.root() + "norm"), false));
    }

    private static Attention attention(DecoderParts parts, Heads heads, String name) {
        ModelConfig config = parts.config();
        boolean bias = config.flag("use_qkv_bias", false);
        AttentionBuilder attention =
                AttentionBuilder.separate(parts, heads, name, bias, false)
                        .positions(RotaryReader.part(config, heads, false));
        if (config.flag("qk_layernorm", false)) {
            attention.norms(
                    headNorm(parts, name + "q_layernorm", heads.queries(), heads.size()),
                    headNorm(parts, name + "k_layernorm", heads.keyValues(), heads.size()));
        }
        return attention.build();
    }

    /// A norm for each head, each a module of its own.
    private static Norm headNorm(DecoderParts parts, String name, int heads, int size) {
        return Norm.layerByHead(
                heads,
                size,
                parts.layerEpsilon(),
                IntStream.range(0, heads)
                        .mapToObj(i -> MatrixView.vector(name + ".norms." + i + ".weight", size))
                        .toList());
    }
}
