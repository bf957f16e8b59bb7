package org.wanda4j.model.families;

import java.util.List;
import java.util.OptionalDouble;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Norm;

/// Command R (Cohere, 2024): both branches behind one layer norm without a bias, rotation of neighbours, logits multiplied,
/// the head tied to the embedding; in the plus model a norm for each query and key head.
final class Cohere {

    private Cohere() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config = given.withDefault("max_position_embeddings", 8192);
        DecoderParts parts = DecoderParts.of("cohere", config, names);
        Heads heads = Heads.of(config);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    Norm norm = norm(parts, name + "input_layernorm");
                    return new Block(
                            List.of(
                                    Branch.normFirst(
                                            norm, attention(parts, heads, name + "self_attn.")),
                                    Branch.normFirst(norm, parts.gated(name + "mlp."))),
                            true);
                },
                parts.head(
                        norm(parts, parts.root() + "norm"),
                        true,
                        config.number("logit_scale", 0.0625),
                        OptionalDouble.empty()));
    }

    private static Attention attention(DecoderParts parts, Heads heads, String name) {
        ModelConfig config = parts.config();
        boolean bias = config.flag("attention_bias", false);
        AttentionBuilder attention =
                AttentionBuilder.separate(parts, heads, name, bias, bias)
                        .positions(RotaryReader.interleaved(config, heads));
        if (config.flag("use_qk_norm", false)) {
            attention.norms(
                    headNorm(parts, name + "q_norm", heads.queries(), heads.size()),
                    headNorm(parts, name + "k_norm", heads.keyValues(), heads.size()));
        }
        return attention.build();
    }

    /// A norm for each head; the weights of all are one tensor.
    private static Norm headNorm(DecoderParts parts, String name, int heads, int size) {
        return Norm.layerByHead(
                heads,
                size,
                parts.layerEpsilon(),
                List.of(MatrixView.whole(name + ".weight", heads, size)));
    }

    private static Norm norm(DecoderParts parts, String name) {
        return Norm.unbiasedLayer(name, parts.hidden(), parts.layerEpsilon());
    }
}
