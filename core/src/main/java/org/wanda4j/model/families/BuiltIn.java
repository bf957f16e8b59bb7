package org.wanda4j.model.families;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.wanda4j.model.Architecture;

/// The families that are part of wanda4j, for [Families].
final class BuiltIn {

    private static final List<String> NAMES =
            List.of(
                    "bloom",
                    "cohere",
                    "falcon",
                    "gemma",
                    "gemma2",
                    "gemma3",
                    "gemma3_text",
                    "glm4",
                    "gpt2",
                    "gpt_neox",
                    "granite",
                    "granitemoe",
                    "granitemoeshared",
                    "llama",
                    "mistral",
                    "mistral3",
                    "mixtral",
                    "olmo",
                    "olmo2",
                    "opt",
                    "phi",
                    "phi3",
                    "qwen2",
                    "qwen2_moe",
                    "qwen3",
                    "qwen3_moe",
                    "smollm3",
                    "stablelm",
                    "starcoder2");

    private BuiltIn() {}

    /// Each by the `model_type` of its `config.json`.
    static Map<String, Family> families() {
        return NAMES.stream().collect(Collectors.toMap(Function.identity(), BuiltIn::family));
    }

    private static Family family(String name) {
        return (config, names) -> describe(name, config, names);
    }

    /// A switch and not a method reference for each family, each of which would have to be linked when the program starts.
    private static Architecture describe(String family, ModelConfig config, TensorNames names) {
        return switch (family) {
            case "bloom" -> Bloom.describe(config, names);
            case "cohere" -> Cohere.describe(config, names);
            case "falcon" -> Falcon.describe(config, names);
            case "gemma" -> Gemma.gemma(config, names);
            case "gemma2" -> Gemma2.gemma2(config, names);
            case "gemma3" -> Gemma2.gemma3(config, names);
            case "gemma3_text" -> Gemma2.gemma3Text(config, names);
            case "glm4" -> Glm4.describe(config, names);
            case "gpt2" -> Gpt2.describe(config, names);
            case "gpt_neox" -> GptNeoX.describe(config, names);
            case "granite" -> Granite.granite(config, names);
            case "granitemoe" -> Granite.mixture(config, names);
            case "granitemoeshared" -> Granite.mixtureWithSharedMlp(config, names);
            case "llama" -> Llama.llama(config, names);
            case "mistral" -> Llama.mistral(config, names);
            case "mistral3" -> Llama.mistral3(config, names);
            case "mixtral" -> Mixtures.mixtral(config, names);
            case "olmo" -> Olmo.olmo(config, names);
            case "olmo2" -> Olmo.olmo2(config, names);
            case "opt" -> Opt.describe(config, names);
            case "phi" -> Phi.describe(config, names);
            case "phi3" -> Phi3.describe(config, names);
            case "qwen2" -> Llama.qwen2(config, names);
            case "qwen2_moe" -> Mixtures.qwen2(config, names);
            case "qwen3" -> Llama.qwen3(config, names);
            case "qwen3_moe" -> Mixtures.qwen3(config, names);
            case "smollm3" -> SmolLm3.describe(config, names);
            case "stablelm" -> StableLm.describe(config, names);
            case "starcoder2" -> StarCoder2.describe(config, names);
            default -> throw new IllegalArgumentException(family);
        };
    }
}
