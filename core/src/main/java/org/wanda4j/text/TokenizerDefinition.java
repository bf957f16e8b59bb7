package org.wanda4j.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.Utf8;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.IntNode;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/// The content of `tokenizer.json`, without a byte order mark, and changed in the one place where transformers changes it.
///
/// @param json as the native tokenizer takes it
/// @param changed whether that is not what the file says
record TokenizerDefinition(ObjectNode json, boolean changed) {

    static final String FILE = "tokenizer.json";

    private static final String CONFIG = "tokenizer_config.json";

    /// Reads both files of a model directory.
    static TokenizerDefinition read(Path modelDirectory) {
        if (!Files.exists(modelDirectory.resolve(FILE))) {
            throw new InvalidInputException(missing(modelDirectory));
        }
        Path file = modelDirectory.resolve(FILE);
        byte[] text = Json.bytes(file);
        ObjectNode json = Json.parse(text, file.toString());
        if (!json.path("model").has("vocab")) {
            throw new InvalidInputException(
                    file + ": no model.vocab: not a Hugging Face tokenizer");
        }
        var definition = new TokenizerDefinition(json, Utf8.isMarked(text));
        Path config = modelDirectory.resolve(CONFIG);
        Optional<LegacyTokenizer> legacy =
                Files.exists(config) ? LegacyTokenizer.of(Json.read(config)) : Optional.empty();
        if (legacy.isEmpty()) {
            return definition;
        }
        json.set("post_processor", legacy.get().template(definition));
        return new TokenizerDefinition(json, true);
    }

    private static String missing(Path modelDirectory) {
        return """
        %1$s: no tokenizer.json, the only kind of tokenizer that is read here. \
        For a checkpoint that has tokenizer.model or vocab.json instead, write it with: \
        python -c "from transformers import AutoTokenizer as t; \
        t.from_pretrained('%1$s').save_pretrained('%1$s')\"\
        """
                .formatted(modelDirectory);
    }

    /// The highest id plus 1.
    int vocabularySize() {
        return IntStream.concat(
                                vocabularyIds(),
                                added().mapToInt(token -> token.path("id").asInt(-1)))
                        .max()
                        .orElse(-1)
                + 1;
    }

    /// The id of a token.
    ///
    /// @throws InvalidInputException when there is none
    int id(String token) {
        return find(token)
                .orElseThrow(() ->
                        new InvalidInputException(
                                CONFIG
                                        + " names the token "
                                        + token
                                        + ", which tokenizer.json lacks"));
    }

    /// The id of a token, where there is one.
    OptionalInt find(String token) {
        return added().filter(added -> added.path("content").asString("").equals(token))
                .map(added -> added.path("id"))
                .findFirst()
                .orElseGet(() -> inVocabulary(token))
                .asIntOpt();
    }

    private JsonNode inVocabulary(String token) {
        JsonNode vocabulary = vocabulary();
        return vocabulary.isArray()
                ? IntStream.range(0, vocabulary.size())
                        .filter(id -> name(vocabulary.get(id)).equals(token))
                        .mapToObj(id -> (JsonNode) IntNode.valueOf(id))
                        .findFirst()
                        .orElse(MissingNode.getInstance())
                : vocabulary.path(token);
    }

    /// Passes each token of the vocabulary, but not added ones.
    void forEachToken(BiConsumer<Integer, String> use) {
        JsonNode vocabulary = vocabulary();
        if (vocabulary.isArray()) {
            IntStream.range(0, vocabulary.size())
                    .forEach(id -> use.accept(id, name(vocabulary.get(id))));
        } else {
            vocabulary.forEachEntry((token, id) -> use.accept(id.asInt(-1), token));
        }
    }

    /// @param entry of a Unigram vocabulary: a token and its score
    private static String name(JsonNode entry) {
        return entry.path(0).asString("");
    }

    /// Whether decoding uses a decoder of type `type`.
    boolean decodesBy(String type) {
        JsonNode decoder = json.path("decoder");
        return Stream.concat(Stream.of(decoder), decoder.path("decoders").valueStream())
                .anyMatch(each -> each.path("type").asString("").equals(type));
    }

    private IntStream vocabularyIds() {
        JsonNode vocabulary = vocabulary();
        return vocabulary.isArray() // Unigram: the position is the id
                ? IntStream.of(vocabulary.size() - 1)
                : vocabulary.valueStream().mapToInt(id -> id.asInt(-1));
    }

    private JsonNode vocabulary() {
        return json.path("model").path("vocab");
    }

    private Stream<JsonNode> added() {
        return json.path("added_tokens").valueStream();
    }
}
