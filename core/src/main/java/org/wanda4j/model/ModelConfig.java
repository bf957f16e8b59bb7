package org.wanda4j.model;

import java.nio.file.Path;
import java.util.List;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A `config.json`: typed access whose errors name the file and the entry. An entry that is `null` counts as absent.
public final class ModelConfig {

    private final Path file;
    private final String prefix;
    private final JsonNode node;

    private ModelConfig(Path file, String prefix, JsonNode node) {
        this.file = file;
        this.prefix = prefix;
        this.node = node;
    }

    /// The configuration of the model in `directory`.
    ///
    /// @throws InvalidInputException when it is missing or no JSON object
    public static ModelConfig read(Path directory) {
        Path file = directory.resolve("config.json");
        return new ModelConfig(file, "", Json.read(file));
    }

    /// Whether the entry is there.
    public boolean has(String key) {
        return node.hasNonNull(key);
    }

    /// A positive number.
    public int size(String key) {
        if (!has(key)) {
            throw invalid(key, "is missing");
        }
        int size = count(key, 0);
        if (size == 0) {
            throw invalid(key, "must be a positive whole number, is 0");
        }
        return size;
    }

    /// A number that may be 0, or `fallback` where there is none.
    public int count(String key, int fallback) {
        if (!has(key)) {
            return fallback;
        }
        JsonNode value = node.get(key);
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.asInt() < 0) {
            throw invalid(key, "must be a positive whole number, is " + value);
        }
        return value.asInt();
    }

    /// A positive number, or `fallback` where there is none.
    public int size(String key, int fallback) {
        return has(key) ? size(key) : fallback;
    }

    /// A positive finite number, or `fallback` where there is none.
    public double number(String key, double fallback) {
        if (!has(key)) {
            return fallback;
        }
        JsonNode value = node.get(key);
        if (!value.isNumber() || !(value.asDouble() > 0) || Double.isInfinite(value.asDouble())) {
            throw invalid(key, "must be a positive number, is " + value);
        }
        return value.asDouble();
    }

    /// A switch, or `fallback` where there is none.
    public boolean flag(String key, boolean fallback) {
        if (!has(key)) {
            return fallback;
        }
        if (!node.get(key).isBoolean()) {
            throw invalid(key, "must be true or false, is " + node.get(key));
        }
        return node.get(key).asBoolean();
    }

    /// A text, or `fallback` where there is none.
    public String text(String key, String fallback) {
        if (!has(key)) {
            return fallback;
        }
        if (!node.get(key).isString()) {
            throw invalid(key, "must be a text, is " + node.get(key));
        }
        return node.get(key).asString();
    }

    /// A list of texts; empty where there is none.
    public List<String> texts(String key) {
        if (!has(key)) {
            return List.of();
        }
        JsonNode value = node.get(key);
        if (!value.isArray() || !value.valueStream().allMatch(JsonNode::isString)) {
            throw invalid(key, "must be a list of texts, is " + value);
        }
        return value.valueStream().map(JsonNode::asString).toList();
    }

    /// The object under `key`; an empty one where there is none.
    public ModelConfig object(String key) {
        JsonNode value = has(key) ? node.get(key) : JsonNodeFactory.instance.objectNode();
        if (!value.isObject()) {
            throw invalid(key, "must be an object, is " + value);
        }
        return new ModelConfig(file, prefix + key + ".", value);
    }

    /// This configuration with `key` set to `value` where it has no such entry. One that is `null` stays so.
    ModelConfig withDefault(String key, int value) {
        if (node.has(key)) {
            return this;
        }
        ObjectNode complete = (ObjectNode) node.deepCopy();
        return new ModelConfig(file, prefix, complete.put(key, value));
    }

    /// An error about the entry `key`.
    public InvalidInputException invalid(String key, String what) {
        return new InvalidInputException(file + ": " + prefix + key + " " + what);
    }
}
