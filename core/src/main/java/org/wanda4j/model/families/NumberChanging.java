package org.wanda4j.model.families;

import java.util.Set;
import tools.jackson.databind.JsonNode;

/// The entries of a `config.json` by which one family or another computes other numbers.
final class NumberChanging {

    private static final Set<String> KEYS =
            Set.of(
                    "activation_sparsity_pattern",
                    "add_cross_attention",
                    "alibi",
                    "altup_num_inputs",
                    "apply_residual_connection_post_layernorm",
                    "attention_bias",
                    "attention_chunk_size",
                    "attention_multiplier",
                    "attn_logit_softcapping",
                    "attn_temperature_tuning",
                    "clip_qkv",
                    "dim_model_base",
                    "embedding_multiplier",
                    "final_logit_softcapping",
                    "is_causal",
                    "kv_lora_rank",
                    "layer_types",
                    "logit_scale",
                    "logits_scaling",
                    "mlp_bias",
                    "moe_num_experts",
                    "n_routed_experts",
                    "new_decoder_architecture",
                    "no_rope_layers",
                    "num_experts",
                    "num_kv_shared_layers",
                    "num_local_experts",
                    "partial_rotary_factor",
                    "q_lora_rank",
                    "qk_layernorm",
                    "qk_norm",
                    "qkv_bias",
                    "query_pre_attn_scalar",
                    "residual_multiplier",
                    "rope_local_base_freq",
                    "rope_parameters",
                    "rope_scaling",
                    "rotary_pct",
                    "scale_depth",
                    "scale_emb",
                    "use_bidirectional_attention",
                    "use_parallel_residual",
                    "use_qk_norm");

    private NumberChanging() {}

    /// Whether an entry changes the numbers: it is of those, and has a value that means something.
    static boolean isOn(String key, JsonNode value) {
        if (!KEYS.contains(key)) {
            return false;
        }
        return switch (key) {
            case "is_causal" -> !value.asBoolean(true);
            case "layer_types" ->
                    !value.valueStream()
                            .allMatch(type -> type.asString("").equals("full_attention"));
            case "partial_rotary_factor", "rotary_pct" -> value.asDouble(0) != 1;
            case "rope_scaling", "rope_parameters" -> stretches(value);
            default -> means(value);
        };
    }

    private static boolean stretches(JsonNode value) {
        String type = value.path("type").asString(value.path("rope_type").asString(""));
        return !type.equals("default") && !value.isEmpty();
    }

    private static boolean means(JsonNode value) {
        if (value.isBoolean()) {
            return value.asBoolean();
        }
        if (value.isNumber()) {
            return value.asDouble() != 0 && value.asDouble() != 1;
        }
        return !value.isContainer() || !value.isEmpty();
    }
}
