package org.wanda4j.model.families;

import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Mlp;

/// Granite 3 (IBM, 2024): Llama's blocks with multipliers of the embedding, of attention's products, of what each branch
/// adds, and of the logits. The mixtures have all experts of a block in two 3-D tensors; a later one an MLP beside them
/// that every token goes through.
final class Granite {

    private static final String EXPERTS = "num_local_experts";
    private static final String SHARED = "shared_intermediate_size";

    private final DecoderParts parts;
    private final ModelConfig config;
    private final Heads heads;

    private Granite(String family, ModelConfig given, TensorNames names) {
        this.config = given.withDefault("max_position_embeddings", 2048);
        this.parts = DecoderParts.of(family, config, names);
        this.heads = Heads.of(config);
    }

    static Architecture granite(ModelConfig given, TensorNames names) {
        var it = new Granite("granite", given, names);
        return it.describe(it::mlp);
    }

    static Architecture mixture(ModelConfig given, TensorNames names) {
        var it = new Granite("granitemoe", given, names);
        return it.describe(name -> it.experts(name, Optional.empty()));
    }

    static Architecture mixtureWithSharedMlp(ModelConfig given, TensorNames names) {
        var it = new Granite("granitemoeshared", given, names);
        return it.describe(name -> it.experts(name, it.shared(name)));
    }

    /// From what a block's names begin with to its second mixer.
    private interface SecondMixer {
        Mixer of(String block);
    }

    private Architecture describe(SecondMixer second) {
        double scale = 1 / config.number("logits_scaling", 1);
        return parts.decoder(
                parts.embedding(config.number("embedding_multiplier", 1)),
                index -> block(parts.block(index), second),
                parts.head(parts.rms(parts.root() + "norm"), false, scale, OptionalDouble.empty()));
    }

    private Block block(String name, SecondMixer second) {
        boolean bias = config.flag("attention_bias", false);
        double multiplier = config.number("residual_multiplier", 1);
        return Block.sequential(
                DecoderParts.multiplied(
                        parts.rms(name + "input_layernorm"),
                        AttentionBuilder.separate(parts, heads, name + "self_attn.", bias, bias)
                                .scale(config.number("attention_multiplier", 1))
                                .positions(RotaryReader.whole(config, heads))
                                .build(),
                        multiplier),
                DecoderParts.multiplied(
                        parts.rms(name + "post_attention_layernorm"), second.of(name), multiplier));
    }

    private Mixer mlp(String name) {
        return parts.gated(name + "mlp.", config.flag("mlp_bias", false));
    }

    private Mixer experts(String name, Optional<Mlp> shared) {
        String mixture = name + "block_sparse_moe.";
        int count = Mixtures.believed(config, EXPERTS, config.size(EXPERTS, 8));
        return new Experts(
                parts.linear(mixture + "router.layer", count, false),
                IntStream.range(0, count).mapToObj(i -> expert(mixture, count, i)).toList(),
                Mixtures.chosen(config, "num_experts_per_tok", 2, count),
                true,
                shared,
                Optional.empty());
    }

    private Mlp expert(String mixture, int count, int index) {
        int inner = config.width("intermediate_size");
        Fused first =
                Fused.slice(mixture + "input_linear", count, index, parts.hidden(), 2 * inner);
        Fused second = Fused.slice(mixture + "output_linear", count, index, inner, parts.hidden());
        Activation activation = parts.activation("silu");
        return new Mlp(
                Optional.of(first.rows("gate", 0, inner)),
                first.rows("up", inner, inner),
                second.all(),
                activation);
    }

    /// None where its size is 0 or absent.
    private Optional<Mlp> shared(String name) {
        if (config.count(SHARED, 0) == 0) {
            return Optional.empty();
        }
        String mlp = name + "shared_mlp.";
        return Optional.of(
                parts.fused(
                        mlp + "input_linear",
                        mlp + "output_linear",
                        config.width(SHARED),
                        parts.activation("silu")));
    }
}
