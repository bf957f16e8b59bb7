package org.wanda4j.gguf;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.checkpoint.GgufFile;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.gguf.GgufFamily.Rotation;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The `config.json` of what a GGUF file holds: [GgufEntries] backwards, in the names that transformers has for a family.
final class GgufConfig {

    /// The classes of transformers, by `model_type`.
    private static final Map<String, String> CLASSES =
            Map.ofEntries(
                    Map.entry("bloom", "BloomForCausalLM"),
                    Map.entry("cohere", "CohereForCausalLM"),
                    Map.entry("falcon", "FalconForCausalLM"),
                    Map.entry("gemma", "GemmaForCausalLM"),
                    Map.entry("gemma2", "Gemma2ForCausalLM"),
                    Map.entry("gemma3_text", "Gemma3ForCausalLM"),
                    Map.entry("glm4", "Glm4ForCausalLM"),
                    Map.entry("gpt2", "GPT2LMHeadModel"),
                    Map.entry("gpt_neox", "GPTNeoXForCausalLM"),
                    Map.entry("granite", "GraniteForCausalLM"),
                    Map.entry("granitemoe", "GraniteMoeForCausalLM"),
                    Map.entry("granitemoeshared", "GraniteMoeSharedForCausalLM"),
                    Map.entry("llama", "LlamaForCausalLM"),
                    Map.entry("mixtral", "MixtralForCausalLM"),
                    Map.entry("olmo", "OlmoForCausalLM"),
                    Map.entry("olmo2", "Olmo2ForCausalLM"),
                    Map.entry("phi", "PhiForCausalLM"),
                    Map.entry("phi3", "Phi3ForCausalLM"),
                    Map.entry("qwen2", "Qwen2ForCausalLM"),
                    Map.entry("qwen2_moe", "Qwen2MoeForCausalLM"),
                    Map.entry("qwen3", "Qwen3ForCausalLM"),
                    Map.entry("qwen3_moe", "Qwen3MoeForCausalLM"),
                    Map.entry("smollm3", "SmolLM3ForCausalLM"),
                    Map.entry("stablelm", "StableLmForCausalLM"),
                    Map.entry("starcoder2", "Starcoder2ForCausalLM"));

    /// What a family calls an entry that most call otherwise.
    private static final Map<String, Map<String, String>> NAMES =
            Map.of(
                    "bloom",
                    Map.of(
                            "num_hidden_layers", "n_layer",
                            "num_attention_heads", "n_head",
                            "max_position_embeddings", "seq_length",
                            "layer_norm_eps", "layer_norm_epsilon"),
                    "falcon",
                    Map.of(
                            "num_key_value_heads", "num_kv_heads",
                            "intermediate_size", "ffn_hidden_size",
                            "layer_norm_eps", "layer_norm_epsilon",
                            "hidden_act", "activation"),
                    "gemma2",
                    Map.of("hidden_act", "hidden_activation"),
                    "gemma3_text",
                    Map.of("hidden_act", "hidden_activation"),
                    "gpt2",
                    Map.of(
                            "hidden_size", "n_embd",
                            "intermediate_size", "n_inner",
                            "num_hidden_layers", "n_layer",
                            "num_attention_heads", "n_head",
                            "max_position_embeddings", "n_positions",
                            "layer_norm_eps", "layer_norm_epsilon",
                            "hidden_act", "activation_function"),
                    "gpt_neox",
                    Map.of("rope_theta", "rotary_emb_base", "partial_rotary_factor", "rotary_pct"),
                    "starcoder2",
                    Map.of("layer_norm_eps", "norm_epsilon"));

    private static final String LLAMA3_FACTORS = "rope_freqs.weight";
    private static final String LONG_FACTORS = "rope_factors_long.weight";
    private static final String SHORT_FACTORS = "rope_factors_short.weight";

    private final GgufFile file;
    private final String type;
    private final GgufFamily family;
    private final ObjectNode json = JsonNodeFactory.instance.objectNode();

    private GgufConfig(GgufFile file, String type) {
        this.file = file;
        this.type = type;
        this.family = GgufFamily.of(type).orElseThrow();
    }

    /// The configuration of the model in `file`.
    ///
    /// @param type its `model_type`
    /// @throws InvalidInputException when an entry is missing or wrong
    static ObjectNode of(GgufFile file, String type) {
        var it = new GgufConfig(file, type);
        it.json.putArray("architectures").add(CLASSES.get(type));
        it.json.put("model_type", type);
        it.sizes();
        it.norms();
        it.positions();
        it.own();
        return it.json;
    }

    private void sizes() {
        put("hidden_size", size("embedding_length"));
        put("intermediate_size", size("feed_forward_length"));
        put("num_hidden_layers", size("block_count"));
        put("num_attention_heads", heads());
        put("num_key_value_heads", number("attention.head_count_kv").orElseGet(this::heads));
        put("head_dim", headSize());
        put("max_position_embeddings", size("context_length"));
        put(
                "vocab_size",
                file.find("token_embd.weight")
                        .map(table -> table.shape().getFirst())
                        .orElseThrow(() -> file.invalid("there is no tensor token_embd.weight")));
        json.put("tie_word_embeddings", !has("output.weight"));
    }

    private void norms() {
        OptionalDouble rms = real("attention.layer_norm_rms_epsilon");
        OptionalDouble layer = real("attention.layer_norm_epsilon");
        rms.ifPresent(epsilon -> put("rms_norm_eps", epsilon));
        layer.ifPresent(epsilon -> put("layer_norm_eps", epsilon));
        if (rms.isEmpty() && layer.isEmpty()) {
            throw missing("attention.layer_norm_rms_epsilon");
        }
    }

    private void positions() {
        if (family.rotation() == Rotation.NONE) {
            return;
        }
        put("rope_theta", real("rope.freq_base").orElse(10_000));
        long rotated = number("rope.dimension_count").orElseGet(() -> (long) headSize());
        boolean part = List.of("glm4", "gpt_neox", "phi", "phi3", "stablelm").contains(type);
        if (rotated < 2 || rotated > headSize() || (!part && rotated != headSize())) {
            throw file.invalid(
                    "entry %s.rope.dimension_count is %d for heads of %d, which is not read here"
                            .formatted(family.name(), rotated, headSize()));
        }
        if (part) {
            put("partial_rotary_factor", part(rotated, headSize()));
        }
        scaling().ifPresent(scaling -> json.set("rope_scaling", scaling));
    }

    /// A number that gives `some` again when it is multiplied by `all` and rounded down.
    private static double part(long some, int all) {
        double part = (double) some / all;
        return (long) (part * all) < some ? Math.nextUp(part) : part;
    }

    /// What the family alone has.
    private void own() {
        switch (type) {
            case "llama" -> biases();
            case "mixtral" -> experts("num_local_experts");
            case "qwen2_moe", "qwen3_moe" -> qwenMixture();
            case "granite", "granitemoe", "granitemoeshared" -> granite();
            case "glm4" -> json.put("attention_bias", has("blk.0.attn_q.bias"));
            case "gemma" -> gelu("gelu_pytorch_tanh");
            case "gemma2" -> gemma(2);
            case "gemma3_text" -> gemma(6);
            case "phi" -> gelu("gelu_new");
            case "phi3" -> number("attention.sliding_window").ifPresent(this::window);
            case "olmo" -> real("attention.clamp_kqv").ifPresent(clip -> put("clip_qkv", clip));
            case "cohere" -> put("logit_scale", real("logit_scale").orElse(1));
            case "starcoder2" -> gelu("gelu_pytorch_tanh");
            case "stablelm" -> stableLm();
            case "gpt_neox" -> {
                gelu("gelu");
                json.put("use_parallel_residual", flag("use_parallel_residual").orElse(true));
            }
            case "falcon" -> falcon();
            case "gpt2" -> gelu("gelu_new");
            default -> {} // Nothing.
        }
    }

    private void biases() {
        json.put("attention_bias", has("blk.0.attn_output.bias"));
        json.put("mlp_bias", has("blk.0.ffn_down.bias"));
    }

    private void gelu(String name) {
        put("hidden_act", name);
    }

    private void window(long length) {
        if (length > 0) {
            put("sliding_window", length);
        }
    }

    private void experts(String count) {
        put(count, size("expert_count"));
        put("num_experts_per_tok", size("expert_used_count"));
    }

    private void qwenMixture() {
        experts("num_experts");
        put("moe_intermediate_size", size("expert_feed_forward_length"));
        boolean shares = type.equals("qwen2_moe");
        json.put("norm_topk_prob", !shares);
        if (shares) {
            json.put("qkv_bias", has("blk.0.attn_q.bias"));
            put("shared_expert_intermediate_size", size("expert_shared_feed_forward_length"));
        }
    }

    private void granite() {
        biases();
        put("embedding_multiplier", real("embedding_scale").orElse(1));
        put("residual_multiplier", real("residual_scale").orElse(1));
        put("attention_multiplier", real("attention.scale").orElse(1 / Math.sqrt(headSize())));
        put("logits_scaling", real("logit_scale").orElse(1));
        if (!type.equals("granite")) {
            experts("num_local_experts");
        }
        if (type.equals("granitemoeshared")) {
            put("shared_intermediate_size", size("expert_shared_feed_forward_length"));
        }
    }

    /// @param usual the last of every so many blocks has no window, where the file does not say of how many
    private void gemma(long usual) {
        gelu("gelu_pytorch_tanh");
        window(number("attention.sliding_window").orElse(4096L));
        long period = number("attention.sliding_window_pattern").filter(it -> it > 0).orElse(usual);
        var types = json.putArray("layer_types");
        IntStream.rangeClosed(1, Math.clamp(size("block_count"), 1, file.tensors().size()))
                .mapToObj(block -> block % period == 0 ? "full_attention" : "sliding_attention")
                .forEach(types::add);
        put(
                "query_pre_attn_scalar",
                ModelTraits.scaledWidth(
                        family,
                        size("block_count"),
                        size("embedding_length"),
                        heads(),
                        headSize()));
        boolean second = type.equals("gemma2");
        cap("attn_logit_softcapping", second ? OptionalDouble.of(50) : OptionalDouble.empty());
        cap("final_logit_softcapping", second ? OptionalDouble.of(30) : OptionalDouble.empty());
        if (!second) {
            put("rope_local_base_freq", real("rope.freq_base_swa").orElse(10_000));
        }
    }

    private void cap(String key, OptionalDouble usual) {
        OptionalDouble given = real(key);
        (given.isPresent() ? given : usual)
                .ifPresentOrElse(cap -> put(key, cap), () -> json.putNull(key));
    }

    private void stableLm() {
        json.put("use_qkv_bias", has("blk.0.attn_q.bias"));
        json.put("qk_layernorm", has("blk.0.attn_q_norm.weight"));
        json.put("use_parallel_residual", !has("blk.0.ffn_norm.weight"));
    }

    /// Query, key and value lie alike in all shapes where there is one key head.
    private void falcon() {
        gelu("gelu");
        boolean twoNorms = has("blk.0.attn_norm_2.weight");
        boolean grouped = twoNorms || number("attention.head_count_kv").orElse(1L) > 1;
        json.put("new_decoder_architecture", grouped);
        json.put("multi_query", true);
        json.put("num_ln_in_parallel_attn", twoNorms ? 2 : 1);
        json.put("parallel_attn", true).put("bias", false).put("alibi", false);
    }

    private Optional<ObjectNode> scaling() {
        ObjectNode scaling = JsonNodeFactory.instance.objectNode();
        if (has(LLAMA3_FACTORS)) {
            return Optional.of(llama3(scaling));
        }
        double factor = real("rope.scaling.factor").orElse(1);
        if (has(LONG_FACTORS)) {
            return Optional.of(longRope(scaling));
        }
        String kind = text("rope.scaling.type").orElse("linear");
        return switch (kind) {
            case "none" -> Optional.empty();
            case "linear" ->
                    factor == 1
                            ? Optional.empty()
                            : Optional.of(scaling.put("rope_type", kind).put("factor", factor));
            case "yarn" -> Optional.of(yarn(scaling, factor));
            default ->
                    throw file.invalid(
                            "positions are scaled by '%s', which is not read from GGUF here"
                                    .formatted(kind));
        };
    }

    private ObjectNode yarn(ObjectNode scaling, double factor) {
        scaling.put("rope_type", "yarn")
                .put("factor", factor)
                .put(
                        "original_max_position_embeddings",
                        size("rope.scaling.original_context_length"));
        real("rope.scaling.attn_factor")
                .ifPresent(magnitude -> {
                    if (magnitude != 1) {
                        double own = 1 + 0.1 * Math.log(factor); // llama.cpp multiplies by it.
                        scaling.put("attention_factor", magnitude * own);
                    }
                });
        return scaling;
    }

    private ObjectNode longRope(ObjectNode scaling) {
        long original = size("rope.scaling.original_context_length");
        put("original_max_position_embeddings", original);
        scaling.put("type", "longrope");
        double factor = (double) size("context_length") / original;
        double usual =
                factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log((double) original));
        real("rope.scaling.attn_factor")
                .ifPresent(magnitude -> {
                    if ((float) magnitude != (float) usual) {
                        scaling.put("attention_factor", magnitude);
                    }
                });
        for (float value : factors(SHORT_FACTORS)) {
            scaling.withArray("short_factor").add(decimal(value));
        }
        for (float value : factors(LONG_FACTORS)) {
            scaling.withArray("long_factor").add(decimal(value));
        }
        return scaling;
    }

    /// The file has the factor of each frequency, and not what it was computed from: Llama 3's constants are tried.
    private ObjectNode llama3(ObjectNode scaling) {
        float[] factors = factors(LLAMA3_FACTORS);
        double largest = 1;
        for (float factor : factors) {
            largest = Math.max(largest, factor);
        }
        double theta = real("rope.freq_base").orElse(10_000);
        for (int original : new int[] {8192, 4096, 2048, 16_384, 32_768, 131_072, 64, 32, 16}) {
            if (fits(factors, theta, largest, original)) {
                return scaling.put("rope_type", "llama3")
                        .put("factor", largest)
                        .put("low_freq_factor", 1.0)
                        .put("high_freq_factor", 4.0)
                        .put("original_max_position_embeddings", original);
            }
        }
        throw file.invalid("the factors in %s are not Llama 3's".formatted(LLAMA3_FACTORS));
    }

    private static boolean fits(float[] factors, double theta, double factor, int original) {
        for (int i = 0; i < factors.length; i++) {
            double frequency = Math.pow(theta, -(double) i / factors.length);
            double turns = original * frequency / (2 * Math.PI);
            double kept = Math.clamp((turns - 1) / 3, 0, 1);
            double expected = 1 / ((1 - kept) / factor + kept);
            if (Math.abs(factors[i] - expected) > 1e-3 * expected) {
                return false;
            }
        }
        return true;
    }

    /// A factor for each frequency.
    private float[] factors(String name) {
        GgufFile.Tensor tensor =
                file.find(name).orElseThrow(() -> file.invalid("there is no tensor " + name));
        long rotated = number("rope.dimension_count").orElseGet(() -> (long) headSize());
        if (tensor.type() != GgmlType.F32
                || tensor.shape().size() != 1
                || tensor.columns() != rotated / 2) {
            throw file.invalid(
                    "tensor %s is of type %s %s".formatted(name, tensor.type(), tensor.shape()));
        }
        float[] factors = new float[Math.toIntExact(tensor.columns())];
        tensor.type().decode(file.data(tensor), 0, factors);
        return factors;
    }

    private long heads() {
        return size("attention.head_count");
    }

    private int headSize() {
        long size =
                number("attention.key_length").orElseGet(() -> size("embedding_length") / heads());
        if (size < 2 || size % 2 != 0 || size > 1 << 16) {
            throw file.invalid("its heads are %d wide".formatted(size));
        }
        return (int) size;
    }

    private boolean has(String tensor) {
        return file.find(tensor).isPresent();
    }

    private void put(String key, long value) {
        json.put(name(key), value);
    }

    private void put(String key, double value) {
        json.put(name(key), value);
    }

    private void put(String key, String value) {
        json.put(name(key), value);
    }

    private String name(String key) {
        return NAMES.getOrDefault(type, Map.of()).getOrDefault(key, key);
    }

    private long size(String key) {
        return number(key)
                .filter(value -> value > 0 && value <= Integer.MAX_VALUE)
                .orElseThrow(() -> missing(key));
    }

    private InvalidInputException missing(String key) {
        return file.invalid("entry %s.%s is missing or wrong".formatted(family.name(), key));
    }

    private Optional<Long> number(String key) {
        return entry(key) instanceof Long value ? Optional.of(value) : Optional.empty();
    }

    private OptionalDouble real(String key) {
        return entry(key) instanceof Double value
                ? OptionalDouble.of(decimal(value.floatValue()))
                : OptionalDouble.empty();
    }

    /// The shortest decimal that is stored as this float.
    private static double decimal(float value) {
        return Double.parseDouble(Float.toString(value));
    }

    private Optional<String> text(String key) {
        return entry(key) instanceof String value ? Optional.of(value) : Optional.empty();
    }

    private Optional<Boolean> flag(String key) {
        return entry(key) instanceof Boolean value ? Optional.of(value) : Optional.empty();
    }

    private Object entry(String key) {
        return file.entries().get(family.name() + "." + key);
    }
}
