package org.wanda4j.model.families;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Branch;
import org.wanda4j.model.Norm;

/// Phi 1, 1.5 and 2 (Gunasekar et al., 2023): attention and a plain MLP read the same normed input, half of each head
/// rotates, and everything has a bias, the head too.
final class Phi {

    private Phi() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 2048)
                        .withDefault("partial_rotary_factor", 0.5);
        config.refuse("qk_layernorm", false);
        DecoderParts parts = DecoderParts.of("phi", config, names);
        Heads heads = Heads.of(config);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    Norm norm = parts.layer(name + "input_layernorm");
                    return new Block(
                            List.of(
                                    Branch.normFirst(
                                            norm,
                                            AttentionBuilder.separate(
                                                            parts,
                                                            heads,
                                                            name + "self_attn.",
                                                            "dense",
                                                            true,
                                                            true)
                                                    .positions(
                                                            RotaryReader.part(config, heads, false))
                                                    .build()),
                                    Branch.normFirst(
                                            norm,
                                            parts.plain(
                                                    name + "mlp.fc1",
                                                    name + "mlp.fc2",
                                                    config.width("intermediate_size"),
                                                    true,
                                                    parts.activation("gelu_new")))),
                            true);
                },
                new Head(
                        Optional.of(parts.layer(parts.root() + "final_layernorm")),
                        Optional.empty(),
                        parts.headTable(parts.table(), "lm_head", false),
                        Optional.of("lm_head.bias"),
                        1,
                        OptionalDouble.empty()));
    }
}
