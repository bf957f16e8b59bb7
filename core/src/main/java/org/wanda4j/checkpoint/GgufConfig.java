package org.wanda4j.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The `config.json` of what a GGUF file holds, and what its tensors are called in a checkpoint.
///
/// Architectures are those that have Llama's tensors: `llama` (Llama, Mistral), `qwen2`, `qwen3`, `smollm3`.
final class GgufConfig {

    /// @param modelType what transformers calls it
    /// @param architecture its class there
    /// @param neighbours whether values of a head that turn together lie beside each other in the file
    private record Family(String modelType, String architecture, boolean neighbours) {}

    private static final Map<String, Family> FAMILIES =
            Map.of(
                    "llama", new Family("llama", "LlamaForCausalLM", true),
                    "smollm3", new Family("smollm3", "SmolLM3ForCausalLM", true),
                    "qwen2", new Family("qwen2", "Qwen2ForCausalLM", false),
                    "qwen3", new Family("qwen3", "Qwen3ForCausalLM", false));

    private static final Map<String, String> MODULES =
            Map.of(
                    "token_embd", "model.embed_tokens",
                    "output_norm", "model.norm",
                    "output", "lm_head");

    private static final Map<String, String> BLOCK_MODULES =
            Map.ofEntries(
                    Map.entry("attn_norm", "input_layernorm"),
                    Map.entry("ffn_norm", "post_attention_layernorm"),
                    Map.entry("attn_q", "self_attn.q_proj"),
                    Map.entry("attn_k", "self_attn.k_proj"),
                    Map.entry("attn_v", "self_attn.v_proj"),
                    Map.entry("attn_output", "self_attn.o_proj"),
                    Map.entry("attn_q_norm", "self_attn.q_norm"),
                    Map.entry("attn_k_norm", "self_attn.k_norm"),
                    Map.entry("ffn_gate", "mlp.gate_proj"),
                    Map.entry("ffn_up", "mlp.up_proj"),
                    Map.entry("ffn_down", "mlp.down_proj"));

    private static final Pattern NAME =
            Pattern.compile("(?:blk\\.(\\d{1,4})\\.)?([a-z_]+)\\.(weight|bias)");

    private static final String ROTARY_FACTORS = "rope_freqs.weight";
    private static final List<String> TURNED = List.of("attn_q", "attn_k");

    private final GgufFile file;
    private final String architecture;
    private final Family family;

    private GgufConfig(GgufFile file, String architecture, Family family) {
        this.file = file;
        this.architecture = architecture;
        this.family = family;
    }

    /// What `file` holds.
    ///
    /// @throws InvalidInputException when its architecture is not read here
    static GgufConfig of(GgufFile file) {
        String architecture = String.valueOf(file.entries().get("general.architecture"));
        Family family = FAMILIES.get(architecture);
        if (family == null) {
            throw file.invalid(
                    "GGUF files of the architecture '%s' are not read here, those of %s are; take the model's original repository"
                            .formatted(
                                    architecture,
                                    String.join(
                                            ", ", FAMILIES.keySet().stream().sorted().toList())));
        }
        return new GgufConfig(file, architecture, family);
    }

    /// The name of a tensor in a checkpoint; empty for one that is a part of `config.json` there.
    ///
    /// @throws InvalidInputException when it is not one of the architecture's
    Optional<String> name(String tensor) {
        if (tensor.equals(ROTARY_FACTORS)) {
            return Optional.empty();
        }
        Matcher matcher = NAME.matcher(tensor);
        if (matcher.matches()) {
            boolean inBlock = matcher.group(1) != null;
            String module = (inBlock ? BLOCK_MODULES : MODULES).get(matcher.group(2));
            if (module != null) {
                return Optional.of(
                        (inBlock ? "model.layers." + Integer.parseInt(matcher.group(1)) + "." : "")
                                + module
                                + "."
                                + matcher.group(3));
            }
        }
        throw file.invalid(
                "tensor %s is not one of the architecture '%s' that is known here"
                        .formatted(tensor, architecture));
    }

    /// Rows of a head whose order differs, or 0: of queries and keys, where neighbours turn together in the file.
    int turnedRows(String tensor) {
        Matcher matcher = NAME.matcher(tensor);
        return family.neighbours() && matcher.matches() && TURNED.contains(matcher.group(2))
                ? headSize()
                : 0;
    }

    private int headSize() {
        long heads = size("attention.head_count");
        long size =
                number("attention.key_length").orElseGet(() -> size("embedding_length") / heads);
        if (size < 2 || size % 2 != 0 || size > 1 << 16) {
            throw file.invalid("its heads are %d wide".formatted(size));
        }
        return (int) size;
    }

    /// The `config.json`.
    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.putArray("architectures").add(family.architecture());
        json.put("model_type", family.modelType());
        json.put("hidden_size", size("embedding_length"));
        json.put("intermediate_size", size("feed_forward_length"));
        json.put("num_hidden_layers", size("block_count"));
        json.put("num_attention_heads", size("attention.head_count"));
        json.put(
                "num_key_value_heads",
                number("attention.head_count_kv").orElseGet(() -> size("attention.head_count")));
        json.put("head_dim", headSize());
        json.put("hidden_act", "silu");
        json.put("max_position_embeddings", size("context_length"));
        json.put("rms_norm_eps", real("attention.layer_norm_rms_epsilon").orElse(1e-5));
        json.put("rope_theta", real("rope.freq_base").orElse(10_000));
        json.put("vocab_size", vocabulary());
        json.put("tie_word_embeddings", file.find("output.weight").isEmpty());
        json.put("attention_bias", file.find("blk.0.attn_output.bias").isPresent());
        json.put("mlp_bias", file.find("blk.0.ffn_down.bias").isPresent());
        if (number("expert_count").orElse(0L) > 0) {
            throw file.invalid("a mixture of experts, which is not read from GGUF here");
        }
        scaling().ifPresent(scaling -> json.set("rope_scaling", scaling));
        GgufTokenizer.id(file, "bos").ifPresent(id -> json.put("bos_token_id", id));
        GgufTokenizer.id(file, "eos").ifPresent(id -> json.put("eos_token_id", id));
        return json;
    }

    private long vocabulary() {
        return file.find("token_embd.weight")
                .map(table -> table.shape().getFirst())
                .orElseThrow(() -> file.invalid("there is no tensor token_embd.weight"));
    }

    private Optional<ObjectNode> scaling() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        if (file.find(ROTARY_FACTORS).isPresent()) {
            return Optional.of(llama3(file.find(ROTARY_FACTORS).get(), json));
        }
        double factor = real("rope.scaling.factor").orElse(1);
        String type = text("rope.scaling.type").orElse("linear");
        return switch (type) {
            case "none" -> Optional.empty();
            case "linear" ->
                    factor == 1
                            ? Optional.empty()
                            : Optional.of(json.put("rope_type", type).put("factor", factor));
            case "yarn" ->
                    Optional.of(
                            json.put("rope_type", type)
                                    .put("factor", factor)
                                    .put(
                                            "original_max_position_embeddings",
                                            size("rope.scaling.original_context_length")));
            default ->
                    throw file.invalid(
                            "positions are scaled by '%s', which is not read from GGUF here"
                                    .formatted(type));
        };
    }

    /// The file has the factor of each frequency, and not what it was computed from: Llama 3's constants are tried.
    private ObjectNode llama3(GgufFile.Tensor tensor, ObjectNode json) {
        if (tensor.type() != GgmlType.F32 || tensor.columns() != headSize() / 2) {
            throw file.invalid(
                    "tensor %s is of type %s %s"
                            .formatted(tensor.name(), tensor.type(), tensor.shape()));
        }
        float[] factors = new float[(int) tensor.columns()];
        tensor.type().decode(file.data(tensor), 0, factors);
        double largest = 1;
        for (float factor : factors) {
            largest = Math.max(largest, factor);
        }
        double theta = real("rope.freq_base").orElse(10_000);
        for (int original : new int[] {8192, 4096, 2048, 16_384, 32_768, 131_072, 64, 32, 16}) {
            if (fits(factors, theta, largest, original)) {
                return json.put("rope_type", "llama3")
                        .put("factor", largest)
                        .put("low_freq_factor", 1.0)
                        .put("high_freq_factor", 4.0)
                        .put("original_max_position_embeddings", original);
            }
        }
        throw file.invalid("the factors in rope_freqs.weight are not Llama 3's");
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

    private long size(String key) {
        return number(key)
                .filter(value -> value > 0 && value <= Integer.MAX_VALUE)
                .orElseThrow(() ->
                        file.invalid(
                                "entry %s.%s is missing or wrong".formatted(architecture, key)));
    }

    private Optional<Long> number(String key) {
        return file.entries().get(architecture + "." + key) instanceof Long value
                ? Optional.of(value)
                : Optional.empty();
    }

    /// A number that is stored as a float, as the shortest decimal that it stands for.
    private OptionalDouble real(String key) {
        return file.entries().get(architecture + "." + key) instanceof Double value
                ? OptionalDouble.of(Double.parseDouble(Float.toString(value.floatValue())))
                : OptionalDouble.empty();
    }

    private Optional<String> text(String key) {
        return file.entries().get(architecture + "." + key) instanceof String value
                ? Optional.of(value)
                : Optional.empty();
    }
}
