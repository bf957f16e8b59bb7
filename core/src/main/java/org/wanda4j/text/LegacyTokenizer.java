package org.wanda4j.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What a tokenizer puts around a text when its class in transformers ignores the post-processor
/// that `tokenizer.json` names: the fast Llama, CodeLlama, Gemma, Cohere and GPT-NeoX tokenizers
/// build their own from `add_bos_token` and `add_eos_token` of `tokenizer_config.json`. All others
/// leave it as it is.
///
/// @param bos in front of each text, where there is one
/// @param eos after each text, where there is one
record LegacyTokenizer(Optional<String> bos, Optional<String> eos) {

    private static final Map<String, Defaults> CLASSES =
            Map.of(
                    "LlamaTokenizer", new Defaults("<s>", "</s>", true),
                    "CodeLlamaTokenizer", new Defaults("<s>", "</s>", true),
                    "GemmaTokenizer", new Defaults("<bos>", "<eos>", true),
                    "CohereTokenizer", new Defaults("<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", true),
                    "GPTNeoXTokenizer", new Defaults("<|endoftext|>", "<|endoftext|>", false));

    /// Defaults of such a class; EOS is not added by default.
    private record Defaults(String bos, String eos, boolean addBos) {}

    /// That of a model directory; empty when its class is none of these.
    static Optional<LegacyTokenizer> of(Path modelDirectory) {
        Path config = modelDirectory.resolve(TokenizerDefinition.CONFIG);
        return Files.exists(config) ? of(Json.read(config)) : Optional.empty();
    }

    /// Empty when the class is none of these.
    ///
    /// @param config `tokenizer_config.json`
    private static Optional<LegacyTokenizer> of(JsonNode config) {
        String name = config.path("tokenizer_class").asString("").replaceFirst("Fast$", "");
        return Optional.ofNullable(CLASSES.get(name))
                .map(defaults ->
                        new LegacyTokenizer(
                                marker(config, "bos_token", defaults.bos(), defaults.addBos()),
                                marker(config, "eos_token", defaults.eos(), false)));
    }

    private static Optional<String> marker(
            JsonNode config, String key, String token, boolean byDefault) {
        JsonNode add = config.path("add_" + key); // null counts as false
        if (!add.asBoolean(byDefault && add.isMissingNode())) {
            return Optional.empty();
        }
        JsonNode named = config.path(key); // a string, or an object that describes an added token
        return Optional.of(named.path("content").asString(named.asString(token)));
    }

    /// The post-processor, as `tokenizer.json` writes one.
    ObjectNode template(TokenizerDefinition definition) {
        ObjectNode template =
                JsonNodeFactory.instance.objectNode().put("type", "TemplateProcessing");
        ObjectNode tokens = template.putObject("special_tokens");
        var single = template.putArray("single");
        template.putArray("pair").add(sequence("A")).add(sequence("B"));
        bos.ifPresent(token -> single.add(special(token, definition, tokens)));
        single.add(sequence("A"));
        eos.ifPresent(token -> single.add(special(token, definition, tokens)));
        return template;
    }

    private static ObjectNode special(
            String token, TokenizerDefinition definition, ObjectNode tokens) {
        ObjectNode entry = tokens.putObject(token).put("id", token);
        entry.putArray("ids").add(definition.id(token));
        entry.putArray("tokens").add(token);
        return piece("SpecialToken", token);
    }

    private static ObjectNode sequence(String id) {
        return piece("Sequence", id);
    }

    private static ObjectNode piece(String kind, String id) {
        ObjectNode piece = JsonNodeFactory.instance.objectNode();
        piece.putObject(kind).put("id", id).put("type_id", 0);
        return piece;
    }
}
