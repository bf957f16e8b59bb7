package org.wanda4j.model.families;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.ModelConfig;
import org.wanda4j.model.Norm;
import org.wanda4j.model.TensorNames;

/// Command R (Cohere, 2024): both branches behind one layer norm without a bias, rotation of neighbours, logits multiplied,
/// the head tied to the embedding.
final class Cohere {

    private Cohere() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config = given.withDefault("max_position_embeddings", 8192);
        config.refuse("use_qk_norm", false);
        DecoderParts parts = DecoderParts.of("cohere", config, names);
        Heads heads = Heads.of(config);
        boolean bias = config.flag("attention_bias", false);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    Norm norm = norm(parts, name + "input_layernorm");
                    return new Block(
                            List.of(
                                    Branch.normFirst(
                                            norm,
                                            AttentionBuilder.separate(
                                                            parts,
                                                            heads,
                                                            name + "self_attn.",
                                                            bias,
                                                            bias)
                                                    .positions(
                                                            RotaryReader.interleaved(config, heads))
                                                    .build()),
                                    Branch.normFirst(norm, parts.gated(name + "mlp."))),
                            true);
                },
                parts.head(
                        norm(parts, parts.root() + "norm"),
                        true,
                        config.number("logit_scale", 0.0625),
                        OptionalDouble.empty()));
    }

    private static Norm norm(DecoderParts parts, String name) {
        return new Norm(
                Norm.Kind.LAYER,
                parts.hidden(),
                parts.config().number("layer_norm_eps", 1e-5),
                Optional.of(name + ".weight"),
                Optional.empty(),
                0);
    }
}
