package org.wanda4j.model.families;

import java.util.LinkedHashMap;
import java.util.Map;
import org.wanda4j.model.Family;

/// The families that wanda4j knows of itself.
public final class BuiltIn {

    private BuiltIn() {}

    /// Each by the `model_type` of its `config.json`.
    public static Map<String, Family> families() {
        Map<String, Family> families = new LinkedHashMap<>();
        families.put("bloom", Bloom::describe);
        families.put("cohere", Cohere::describe);
        families.put("falcon", Falcon::describe);
        families.put("gemma", Gemma::gemma);
        families.put("gemma2", Gemma2::gemma2);
        families.put("gemma3", Gemma2::gemma3);
        families.put("gemma3_text", Gemma2::gemma3Text);
        families.put("glm4", Glm4::describe);
        families.put("gpt2", Gpt2::describe);
        families.put("gpt_neox", GptNeoX::describe);
        families.put("granite", Granite::granite);
        families.put("granitemoe", Granite::mixture);
        families.put("granitemoeshared", Granite::mixtureWithSharedMlp);
        families.put("llama", Llama::llama);
        families.put("mistral", Llama::mistral);
        families.put("mistral3", Llama::mistral3);
        families.put("mixtral", Mixtures::mixtral);
        families.put("olmo", Olmo::olmo);
        families.put("olmo2", Olmo::olmo2);
        families.put("opt", Opt::describe);
        families.put("phi", Phi::describe);
        families.put("phi3", Phi3::describe);
        families.put("qwen2", Llama::qwen2);
        families.put("qwen2_moe", Mixtures::qwen2);
        families.put("qwen3", Llama::qwen3);
        families.put("qwen3_moe", Mixtures::qwen3);
        families.put("smollm3", SmolLm3::describe);
        families.put("stablelm", StableLm::describe);
        families.put("starcoder2", StarCoder2::describe);
        return families;
    }
}
