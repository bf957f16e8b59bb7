package org.wanda4j.model.families;

import java.util.OptionalInt;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;

/// Phi 3, 3.5 and 4 (Abdin et al., 2024): Llama's blocks with query, key and value in one tensor, and gate and up in
/// another; the long variants stretch the rotation by LongRoPE.
final class Phi3 {

    private Phi3() {}

    static Architecture describe(ModelConfig given, TensorNames names) {
        ModelConfig config =
                given.withDefault("max_position_embeddings", 4096)
                        .withDefault("original_max_position_embeddings", 4096)
                        .withDefault("rms_norm_eps", 1e-5);
        DecoderParts parts = DecoderParts.of("phi3", config, names);
        Heads heads = Heads.of(config);
        OptionalInt window = AttentionWindows.sliding(config);
        return parts.decoder(
                parts.embedding(),
                index -> {
                    String name = parts.block(index);
                    Fused qkv =
                            Fused.of(
                                    name + "self_attn.qkv_proj",
                                    parts.hidden(),
                                    heads.queryWidth() + 2 * heads.keyWidth(),
                                    false);
                    Linear output =
                            Linear.of(
                                    name + "self_attn.o_proj",
                                    heads.queryWidth(),
                                    parts.hidden(),
                                    false);
                    return DecoderParts.normFirst(
                            name,
                            parts::rms,
                            AttentionBuilder.stacked(heads, qkv, output)
                                    .positions(RotaryReader.part(config, heads, false))
                                    .window(window)
                                    .build(),
                            parts.gatedFused(name + "mlp."));
                },
                parts.head(parts.rms(parts.root() + "norm"), false));
    }
}
