package org.wanda4j.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// Ids that end a generation.
public final class EndTokens {

    private static final String KEY = "eos_token_id";

    private EndTokens() {}

    /// `eos_token_id`, a number or a list of them, of `generation_config.json`, or else of `config.json`; and the one that the
    /// tokenizer names, which differs in chat models whose configuration is still that of the base model.
    ///
    /// @param ofTokenizer [Tokenizer#end()]
    /// @throws InvalidInputException when `eos_token_id` is something else
    public static Set<Integer> of(Path modelDirectory, OptionalInt ofTokenizer) {
        Set<Integer> ids = new LinkedHashSet<>(configured(modelDirectory));
        ofTokenizer.ifPresent(ids::add);
        return ids;
    }

    private static Set<Integer> configured(Path modelDirectory) {
        for (String name : List.of("generation_config.json", "config.json")) {
            Path file = modelDirectory.resolve(name);
            if (Files.exists(file) && Json.read(file).hasNonNull(KEY)) {
                return read(Json.read(file).get(KEY), file);
            }
        }
        return Set.of();
    }

    private static Set<Integer> read(JsonNode value, Path file) {
        Set<Integer> ids = new LinkedHashSet<>();
        for (JsonNode id : value.isArray() ? value : List.of(value)) {
            if (!id.isIntegralNumber() || !id.canConvertToInt() || id.asInt() < 0) {
                throw new InvalidInputException(
                        file + ": " + KEY + " must be a token id or a list of them, is " + value);
            }
            ids.add(id.asInt());
        }
        return ids;
    }
}
