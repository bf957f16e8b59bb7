package org.wanda4j.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.wanda4j.checkpoint.Checkpoint;

/// The families that are known, by the `model_type` of their `config.json`.
public final class Families {

    /// The most blocks that a configuration is believed without weights.
    private static final int MOST_BLOCKS = 10_000;

    /// From a configuration to the architecture that it describes.
    @FunctionalInterface
    interface Family {
        Architecture describe(ModelConfig config);
    }

    private static final Map<String, Family> BY_TYPE = new LinkedHashMap<>();

    static {
        BY_TYPE.put("llama", LlamaLike::llama);
        BY_TYPE.put("mistral", LlamaLike::mistral);
        BY_TYPE.put("qwen2", LlamaLike::qwen2);
        BY_TYPE.put("qwen3", LlamaLike::qwen3);
        BY_TYPE.put("opt", Opt::describe);
    }

    private Families() {}

    /// Every supported `model_type`.
    public static Set<String> supported() {
        return Collections.unmodifiableSet(BY_TYPE.keySet());
    }

    static Architecture describe(ModelConfig config, Checkpoint checkpoint) {
        Family family = family(config);
        int blocks = config.size("num_hidden_layers");
        int tensors = checkpoint.tensors().size();
        if (blocks > tensors) {
            throw config.invalid(
                    "num_hidden_layers",
                    "is " + blocks + ", but the checkpoint has only " + tensors + " tensors");
        }
        return family.describe(config);
    }

    /// What a configuration says of a model whose weights are not there.
    static Architecture describe(ModelConfig config) {
        Family family = family(config);
        if (config.size("num_hidden_layers") > MOST_BLOCKS) {
            throw config.invalid("num_hidden_layers", "is more than " + MOST_BLOCKS);
        }
        return family.describe(config);
    }

    private static Family family(ModelConfig config) {
        String type = config.text("model_type", "");
        Family family = BY_TYPE.get(type);
        if (family == null) {
            throw config.invalid(
                    "model_type",
                    (type.isEmpty() ? "is missing" : "'" + type + "' is not supported")
                            + "; supported: "
                            + String.join(", ", BY_TYPE.keySet()));
        }
        return family;
    }
}
