package org.wanda4j.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// The ids of the tokens that `tokenizer_config.json` names, where it does and the vocabulary has them.
///
/// @param begin of a text: `bos_token`
/// @param end of a text or a turn: `eos_token`
record NamedTokens(OptionalInt begin, OptionalInt end) {

    private static final String CONFIG = "tokenizer_config.json";

    static NamedTokens of(Path modelDirectory, TokenizerDefinition definition) {
        Path config = modelDirectory.resolve(CONFIG);
        if (!Files.exists(config)) {
            return new NamedTokens(OptionalInt.empty(), OptionalInt.empty());
        }
        JsonNode json = Json.read(config);
        return new NamedTokens(
                id(json.path("bos_token"), definition), id(json.path("eos_token"), definition));
    }

    /// @param token a text, or an object that describes an added token
    private static OptionalInt id(JsonNode token, TokenizerDefinition definition) {
        return definition.find(token.path("content").asString(token.asString("")));
    }
}
