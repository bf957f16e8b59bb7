package org.wanda4j.checkpoint;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.databind.node.ObjectNode;

/// JSON documents. Those from outside are bounded in size and depth, and have no duplicate names; they may begin with a
/// byte order mark and hold the `NaN` and `Infinity` that Python writes.
public final class Json {

    private static final int LARGEST_FILE = 200_000_000;
    private static final int DEEPEST_FILE = 64;
    private static final JsonFactory FACTORY =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(DEEPEST_FILE)
                                    .maxStringLength(LARGEST_FILE)
                                    .build())
                    .build();

    /// For documents with so many names that to compare them, or to keep them for the next, takes long.
    private static final JsonFactory STREAMS =
            FACTORY.rebuild()
                    .disable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(JsonFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
                    .build();

    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    /// Between JSON and records. To load it takes longer than to read a model's files, which do without.
    private static final class Mapping {

        static final JsonMapper MAPPER = JsonMapper.builder(FACTORY).build();

        private Mapping() {}
    }

    private Json() {}

    /// `value` as indented JSON, with a line end. Records become objects in the order of their components.
    public static String write(Object value) {
        return Mapping.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n";
    }

    /// `value` as JSON in one line, without a line end.
    public static String writeLine(Object value) {
        return Mapping.MAPPER.writeValueAsString(value);
    }

    /// Writes `value` as [#writeLine(Object)] does, and closes `out`.
    ///
    /// @throws IOException when that fails
    public static void writeLine(Object value, OutputStream out) throws IOException {
        try {
            Mapping.MAPPER.writeValue(out, value);
        } catch (JacksonIOException e) {
            throw e.getCause();
        }
    }

    /// The record that was written to `file`.
    ///
    /// @throws InvalidInputException when it cannot be read or is something else
    public static <T> T read(Path file, Class<T> type) {
        return value(read(file), file, type);
    }

    /// The record that was written to `file` as the field of an object.
    ///
    /// @throws InvalidInputException when it cannot be read or is something else
    public static <T> T read(Path file, String field, Class<T> type) {
        return value(read(file).path(field), file, type);
    }

    /// The record that [#writeLine(Object)] made `text` of, in this version of the program.
    public static <T> T read(String text, Class<T> type) {
        return Mapping.MAPPER.readValue(text, type);
    }

    private static <T> T value(JsonNode node, Path file, Class<T> type) {
        try {
            return Mapping.MAPPER.treeToValue(node, type);
        } catch (JacksonException e) {
            throw new InvalidInputException(
                    file + ": not as this version of the program writes it, at " + place(e), e);
        }
    }

    /// The JSON object in `file`.
    ///
    /// @throws InvalidInputException when it cannot be read or is no JSON object
    public static JsonNode read(Path file) {
        return parse(bytes(file), file.toString());
    }

    /// What is in `file`, for [#parse(byte[], String)].
    ///
    /// @throws InvalidInputException when it cannot be read or is too large
    public static byte[] bytes(Path file) {
        try {
            if (Files.size(file) > LARGEST_FILE) {
                throw new InvalidInputException(file + ": larger than " + LARGEST_FILE + " bytes");
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + Reason.of(e), e);
        }
    }

    /// Loads what reads JSON, so that the first file is read sooner: for a thread beside that which finds out which it is.
    public static void prepare() {
        parse("{}".getBytes(StandardCharsets.UTF_8), "");
    }

    /// The JSON object in `text`.
    ///
    /// @param place where it stands, for messages
    /// @throws InvalidInputException when it is no JSON object, with what is wrong and where
    public static ObjectNode parse(byte[] text, String place) {
        if (parseValue(text, place) instanceof ObjectNode object) {
            return object;
        }
        throw new InvalidInputException(place + ": not a JSON object");
    }

    /// Passes the fields of the JSON object in `text` to `use`, with a parser at the value, which `use` has to read or skip to its end. Two
    /// may have the same name.
    ///
    /// @param place where it stands, for messages
    /// @throws InvalidInputException when it is no JSON object, with what is wrong and where
    public static void stream(byte[] text, String place, BiConsumer<String, JsonParser> use) {
        try (JsonParser json = STREAMS.createParser(ObjectReadContext.empty(), text)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new InvalidInputException(place + ": not a JSON object");
            }
            for (String name = json.nextName(); name != null; name = json.nextName()) {
                json.nextToken();
                use.accept(name, json);
            }
            requireEnd(json, text, place);
        } catch (JacksonException e) {
            throw invalid(text, place, e);
        }
    }

    /// The fields of an object as `String`, `Long`, `Double`, `Boolean`, `List`, `Map` or null.
    public static Map<String, Object> values(JsonNode object) {
        Map<String, Object> values = new LinkedHashMap<>();
        object.forEachEntry((name, value) -> values.put(name, plain(value)));
        return values;
    }

    private static Object plain(JsonNode value) {
        return switch (value.getNodeType()) {
            case OBJECT -> values(value);
            case ARRAY -> {
                List<Object> list = new ArrayList<>();
                value.forEach(item -> list.add(plain(item)));
                yield list;
            }
            case BOOLEAN -> value.asBoolean();
            case NUMBER ->
                    value.canConvertToLong() && value.isIntegralNumber()
                            ? (Object) value.asLong()
                            : (Object) value.asDouble(Double.NaN);
            case NULL -> null;
            default -> value.asString();
        };
    }

    /// The JSON array in `text`.
    ///
    /// @param place where it stands, for messages
    /// @throws InvalidInputException when it is no JSON array, with what is wrong and where
    public static ArrayNode parseArray(byte[] text, String place) {
        if (parseValue(text, place) instanceof ArrayNode array) {
            return array;
        }
        throw new InvalidInputException(place + ": not a JSON array");
    }

    /// The JSON value in `text`.
    ///
    /// @param place where it stands, for messages
    /// @throws InvalidInputException when it is none, with what is wrong and where
    public static JsonNode parseValue(byte[] text, String place) {
        try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), text)) {
            if (json.nextToken() == null) {
                return MissingNode.getInstance();
            }
            JsonNode value = tree(json);
            requireEnd(json, text, place);
            return value;
        } catch (JacksonException e) {
            throw invalid(text, place, e);
        }
    }

    /// The value that `json` is at; afterwards it is at the value's last token.
    public static JsonNode tree(JsonParser json) {
        return switch (json.currentToken()) {
            case START_OBJECT -> {
                ObjectNode object = NODES.objectNode();
                for (String name = json.nextName(); name != null; name = json.nextName()) {
                    json.nextToken();
                    object.set(name, tree(json));
                }
                yield object;
            }
            case START_ARRAY -> {
                ArrayNode array = NODES.arrayNode();
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    array.add(tree(json));
                }
                yield array;
            }
            case VALUE_STRING -> NODES.stringNode(json.getString());
            case VALUE_NUMBER_INT ->
                    switch (json.getNumberType()) {
                        case INT -> NODES.numberNode(json.getIntValue());
                        case LONG -> NODES.numberNode(json.getLongValue());
                        default -> NODES.numberNode(json.getBigIntegerValue());
                    };
            case VALUE_NUMBER_FLOAT -> NODES.numberNode(json.getDoubleValue());
            case VALUE_TRUE -> NODES.booleanNode(true);
            case VALUE_FALSE -> NODES.booleanNode(false);
            default -> NODES.nullNode();
        };
    }

    private static void requireEnd(JsonParser json, byte[] text, String place) {
        if (json.nextToken() != null) {
            throw new InvalidInputException(
                    place
                            + ": not valid JSON: "
                            + JsonFault.behind(json.currentTokenLocation(), text));
        }
    }

    private static InvalidInputException invalid(byte[] text, String place, JacksonException e) {
        return new InvalidInputException(
                place
                        + WrongFile.by(text)
                                .map(what -> " is " + what)
                                .orElseGet(() -> ": not valid JSON: " + JsonFault.of(e, text)),
                e);
    }

    /// Path of the field that does not fit.
    private static String place(JacksonException e) {
        String names =
                e.getPath().stream()
                        .map(JacksonException.Reference::getPropertyName)
                        .filter(Objects::nonNull)
                        .collect(Collectors.joining("."));
        return names.isEmpty() ? "its beginning" : names;
    }
}
