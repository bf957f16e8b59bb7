package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Small JSON documents. Those from outside are bounded in size and depth, and have no duplicate names.
public final class Json {

    private static final long LARGEST_FILE = 200_000_000;
    private static final int DEEPEST_FILE = 64;
    private static final JsonMapper MAPPER =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNestingDepth(DEEPEST_FILE)
                                                    .build())
                                    .build())
                    .build();

    private Json() {}

    /// `value` as indented JSON, with a line end. Records become objects in the order of their components.
    public static String write(Object value) {
        return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(value) + "\n";
    }

    /// `value` as JSON in one line, without a line end.
    public static String writeLine(Object value) {
        return MAPPER.writeValueAsString(value);
    }

    /// The record that was written to `file`.
    ///
    /// @throws InvalidInputException when it cannot be read or is something else
    public static <T> T read(Path file, Class<T> type) {
        try {
            return MAPPER.treeToValue(read(file), type);
        } catch (JacksonException e) {
            throw unexpected(file.toString(), e);
        }
    }

    /// The JSON object in `file`.
    ///
    /// @throws InvalidInputException when it cannot be read or is no JSON object
    public static JsonNode read(Path file) {
        try {
            if (Files.size(file) > LARGEST_FILE) {
                throw new InvalidInputException(file + ": larger than " + LARGEST_FILE + " bytes");
            }
            return parse(Files.readAllBytes(file), file.toString());
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + file + ": " + Reason.of(e), e);
        }
    }

    /// The JSON object in `text`.
    ///
    /// @param place where it stands, for messages
    /// @throws InvalidInputException when it is no JSON object
    public static JsonNode parse(byte[] text, String place) {
        try {
            JsonNode node = MAPPER.readTree(text);
            if (!node.isObject()) {
                throw new InvalidInputException(place + ": not a JSON object");
            }
            return node;
        } catch (JacksonException e) {
            throw unexpected(place, e);
        }
    }

    private static InvalidInputException unexpected(String place, JacksonException e) {
        return new InvalidInputException(
                place
                        + ": not valid JSON: "
                        + e.getOriginalMessage().lines().findFirst().orElse(""),
                e);
    }
}
