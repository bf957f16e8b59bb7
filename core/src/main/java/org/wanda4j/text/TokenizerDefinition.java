package org.wanda4j.text;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.Utf8;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/// What `tokenizer.json` says of tokens and of how they are decoded; and its text, without a byte order mark, and changed in the one place
/// where transformers changes it.
///
/// The file is read as a stream: most of it, the merges, is the native tokenizer's alone.
final class TokenizerDefinition {

    static final String FILE = "tokenizer.json";

    static final String CONFIG = "tokenizer_config.json";
    private static final String VOCABULARY = "vocab";

    private final Path file;
    private final byte[] text;

    /// Tokens by id, but not added ones.
    private final Map<Integer, String> vocabulary = new HashMap<>();

    private boolean hasVocabulary;
    private int highest = -1;
    private JsonNode added = MissingNode.getInstance();
    private JsonNode decoder = MissingNode.getInstance();
    private Optional<byte[]> changed = Optional.empty();

    private TokenizerDefinition(Path file) {
        this.file = file;
        this.text = Json.bytes(file);
    }

    /// The text of the file in a model directory; [#read] reads it.
    static TokenizerDefinition of(Path modelDirectory) {
        Path file = modelDirectory.resolve(FILE);
        if (!Files.exists(file)) {
            throw new InvalidInputException(missing(modelDirectory));
        }
        return new TokenizerDefinition(file);
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

    /// Reads what the text says of tokens.
    ///
    /// @throws InvalidInputException when it is no tokenizer
    TokenizerDefinition read() {
        Json.stream(
                text,
                file.toString(),
                (name, json) -> {
                    switch (name) {
                        case "added_tokens" -> added = Json.tree(json);
                        case "decoder" -> decoder = Json.tree(json);
                        case "post_processor" -> checkTemplates(Json.tree(json));
                        case "model" -> readModel(json);
                        default -> json.skipChildren();
                    }
                });
        if (!hasVocabulary) {
            throw new InvalidInputException(
                    file + ": no model.vocab: not a Hugging Face tokenizer");
        }
        if (!isReadable(decoder)) {
            throw new InvalidInputException(
                    file + ": decoder: has a number out of range, or half of a surrogate pair");
        }
        added.forEach(token -> highest = Math.max(highest, token.path("id").asInt(-1)));
        return this;
    }

    /// The native library ends the process at a token of a template that is not defined.
    private void checkTemplates(JsonNode processor) {
        processor.path("processors").forEach(this::checkTemplates);
        JsonNode defined = processor.path("special_tokens");
        for (String template : List.of("single", "pair")) {
            for (JsonNode piece : processor.path(template)) {
                JsonNode token = piece.path("SpecialToken").path("id");
                if (token.isString() && !defined.has(token.stringValue())) {
                    throw new InvalidInputException(
                            "%s: post_processor: its template has the token %s, which is not among its special_tokens"
                                    .formatted(file, token));
                }
            }
        }
    }

    /// The native library ends the process at a decoder that has another number or text.
    private static boolean isReadable(JsonNode node) {
        return switch (node.getNodeType()) {
            case NUMBER -> Double.isFinite(node.asDouble(Double.NaN));
            case STRING -> isWhole(node.stringValue());
            default ->
                    node.propertyNames().stream().allMatch(TokenizerDefinition::isWhole)
                            && node.valueStream().allMatch(TokenizerDefinition::isReadable);
        };
    }

    /// Whether no half of a surrogate pair stands alone.
    private static boolean isWhole(String text) {
        return StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    private void readModel(JsonParser json) {
        if (!json.hasToken(JsonToken.START_OBJECT)) {
            json.skipChildren();
            return;
        }
        for (String name = json.nextName(); name != null; name = json.nextName()) {
            JsonToken value = json.nextToken();
            hasVocabulary |= name.equals(VOCABULARY);
            if (!name.equals(VOCABULARY)) {
                json.skipChildren();
            } else if (value == JsonToken.START_OBJECT) {
                readIds(json);
            } else if (value == JsonToken.START_ARRAY) {
                readList(json);
            }
        }
    }

    private void readIds(JsonParser json) {
        for (String token = json.nextName(); token != null; token = json.nextName()) {
            if (json.nextToken() == JsonToken.VALUE_NUMBER_INT
                    && json.getNumberType() == JsonParser.NumberType.INT) {
                put(json.getIntValue(), token);
            } else {
                json.skipChildren();
            }
        }
    }

    /// Reads a Unigram vocabulary: a token and its score each, and the position is the id.
    private void readList(JsonParser json) {
        for (int id = 0; json.nextToken() != JsonToken.END_ARRAY; id++) {
            JsonNode entry = Json.tree(json);
            put(id, entry.path(0).asString(""));
        }
    }

    private void put(int id, String token) {
        vocabulary.put(id, token);
        highest = Math.max(highest, id);
    }

    /// Changes the text, which has been read.
    void change(LegacyTokenizer legacy) {
        ObjectNode json = Json.parse(text, file.toString());
        json.set("post_processor", legacy.template(this));
        changed = Optional.of(json.toString().getBytes(StandardCharsets.UTF_8));
    }

    /// The text, as the native tokenizer takes it.
    InputStream json() {
        byte[] json = changed.orElse(text);
        int from = Utf8.behindMark(json);
        return new ByteArrayInputStream(json, from, json.length - from);
    }

    /// The highest id plus 1.
    int vocabularySize() {
        return highest + 1;
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
        return added.valueStream()
                .filter(each -> each.path("content").asString("").equals(token))
                .findFirst()
                .map(each -> each.path("id").asIntOpt())
                .orElseGet(() -> inVocabulary(token));
    }

    private OptionalInt inVocabulary(String token) {
        return vocabulary.entrySet().stream()
                .filter(entry -> entry.getValue().equals(token))
                .mapToInt(Map.Entry::getKey)
                .min();
    }

    /// The tokens by id, but not added ones.
    Map<Integer, String> vocabulary() {
        return Collections.unmodifiableMap(vocabulary);
    }

    /// Whether decoding uses a decoder of type `type`.
    boolean decodesBy(String type) {
        return Stream.concat(Stream.of(decoder), decoder.path("decoders").valueStream())
                .anyMatch(each -> each.path("type").asString("").equals(type));
    }
}
