package org.wanda4j.model.families;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.model.Activation;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// A `config.json`: typed access whose errors name the file and the entry. An entry that is `null` counts as absent.
///
/// Immutable but for a record of the entries that were read: one that would change the numbers and was not read is refused.
public final class ModelConfig {

    private static final String BLOCKS = "num_hidden_layers";
    private static final String TIED = "tie_word_embeddings";

    /// More than any layer of a model has.
    private static final int WIDEST = 1 << 26;

    private final Path file;
    private final String prefix;
    private final JsonNode node;
    private final Map<String, String> oldNames;
    private final Bound bound;
    private final Set<String> read;

    /// Most blocks.
    ///
    /// @param why the end of the message about more
    private record Bound(int most, String why) {}

    private ModelConfig(
            Path file,
            String prefix,
            JsonNode node,
            Map<String, String> oldNames,
            Bound bound,
            Set<String> read) {
        this.file = file;
        this.prefix = prefix;
        this.node = node;
        this.oldNames = oldNames;
        this.bound = bound;
        this.read = read;
    }

    /// The configuration of the model in `directory`.
    ///
    /// @throws InvalidInputException when it is missing or no JSON object
    public static ModelConfig read(Path directory) {
        Path file = directory.resolve("config.json");
        return of(Json.read(file), file);
    }

    /// The configuration `json`, which was read from `file` or made of it.
    static ModelConfig of(JsonNode json, Path file) {
        return new ModelConfig(
                file, "", json, Map.of(), new Bound(Integer.MAX_VALUE, ""), new HashSet<>());
    }

    /// This configuration, in which more than `most` blocks are refused.
    ModelConfig bounded(int most, String why) {
        return new ModelConfig(file, prefix, node, oldNames, new Bound(most, why), new HashSet<>());
    }

    /// Whether the entry is there.
    public boolean has(String key) {
        read.add(prefix + key);
        return node.hasNonNull(key);
    }

    /// The entries that are there.
    public List<String> keys() {
        return node.propertyStream().map(Map.Entry::getKey).filter(node::hasNonNull).toList();
    }

    /// Number of decoder blocks: `num_hidden_layers`.
    ///
    /// @throws InvalidInputException when there are more than the checkpoint can have
    public int blocks() {
        int blocks = size(BLOCKS);
        if (blocks > bound.most()) {
            throw invalid(BLOCKS, "is " + blocks + ", " + bound.why());
        }
        return blocks;
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

    /// A positive number, or `fallback` where there is none.
    public int size(String key, int fallback) {
        return has(key) ? size(key) : fallback;
    }

    /// A positive number of channels.
    public int width(String key) {
        int width = size(key);
        if (width > WIDEST) {
            throw invalid(key, "is too large: " + width);
        }
        return width;
    }

    /// A positive number of channels, or `fallback` where there is none.
    public int width(String key, int fallback) {
        return has(key) ? width(key) : fallback;
    }

    /// A number that may be 0, or `fallback` where there is none.
    public int count(String key, int fallback) {
        return has(key) ? count(key, node.get(key)) : fallback;
    }

    private int count(String key, JsonNode value) {
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.asInt() < 0) {
            throw invalid(key, "must be a positive whole number, is " + value);
        }
        return value.asInt();
    }

    /// A positive finite number, or `fallback` where there is none.
    public double number(String key, double fallback) {
        return has(key) ? number(key, node.get(key)) : fallback;
    }

    private double number(String key, JsonNode value) {
        if (!value.isNumber() || !(value.asDouble() > 0) || Double.isInfinite(value.asDouble())) {
            throw invalid(key, "must be a positive number, is " + value);
        }
        return value.asDouble();
    }

    /// A positive finite number, where there is one.
    public OptionalDouble optional(String key) {
        return has(key) ? OptionalDouble.of(number(key, 1)) : OptionalDouble.empty();
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
        return list(key, "texts", JsonNode::isString, JsonNode::asString);
    }

    /// A list of numbers that may be 0; empty where there is none.
    public List<Integer> counts(String key) {
        return list(key, "numbers", JsonNode::isNumber, value -> count(key, value));
    }

    /// A list of positive numbers; empty where there is none.
    public List<Double> numbers(String key) {
        return list(key, "numbers", JsonNode::isNumber, value -> number(key, value));
    }

    private <T> List<T> list(
            String key, String of, Predicate<JsonNode> is, Function<JsonNode, T> as) {
        if (!has(key)) {
            return List.of();
        }
        JsonNode value = node.get(key);
        if (!value.isArray() || !value.valueStream().allMatch(is)) {
            throw invalid(key, "must be a list of " + of + ", is " + value);
        }
        return value.valueStream().map(as).toList();
    }

    /// A function of an MLP.
    public Activation activation(String key, String fallback) {
        String name = text(key, fallback);
        return switch (name) {
            case "silu", "swish" -> Activation.SILU;
            case "relu" -> Activation.RELU;
            case "gelu" -> Activation.GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> Activation.GELU_TANH;
            default ->
                    throw invalid(
                            key,
                            "'" + name + "' is not supported (silu, relu, gelu, gelu_new are)");
        };
    }

    /// The object under `key`; an empty one where there is none.
    public ModelConfig object(String key) {
        JsonNode value = has(key) ? node.get(key) : JsonNodeFactory.instance.objectNode();
        if (!value.isObject()) {
            throw invalid(key, "must be an object, is " + value);
        }
        return new ModelConfig(file, prefix + key + ".", value, Map.of(), bound, read);
    }

    /// The configuration of the language model: what is under `text_config`, or all where there is no such entry.
    ///
    /// Whether the head is tied may be said outside.
    public ModelConfig decoder() {
        if (!has("text_config")) {
            return this;
        }
        ModelConfig inside = object("text_config");
        return has(TIED) ? inside.withDefault(TIED, flag(TIED, true)) : inside;
    }

    /// The same, of a language model that is `type`.
    ///
    /// @throws InvalidInputException when `text_config` names another `model_type`
    public ModelConfig decoder(String type) {
        ModelConfig decoder = decoder();
        if (has("text_config") && !decoder.text("model_type", type).equals(type)) {
            throw decoder.invalid(
                    "model_type",
                    "'%s' is not supported (%s is)"
                            .formatted(decoder.text("model_type", type), type));
        }
        return decoder;
    }

    /// This configuration with `key` set to `value` where it has no such entry. One that is `null` stays so.
    ///
    /// @param value a number, a text or a boolean
    public ModelConfig withDefault(String key, Object value) {
        return node.has(key) ? this : with(key, value);
    }

    /// This configuration with `key` set to `value`.
    ///
    /// @param value a number, a text or a boolean
    public ModelConfig with(String key, Object value) {
        ObjectNode copy = copy();
        switch (value) {
            case Integer number -> copy.put(key, number);
            case Double number -> copy.put(key, number);
            case Boolean flag -> copy.put(key, flag);
            case String text -> copy.put(key, text);
            default -> throw new IllegalArgumentException(key + " as " + value.getClass());
        }
        return derived(copy, oldNames);
    }

    /// This configuration without the entry `key`.
    public ModelConfig without(String key) {
        ObjectNode copy = copy();
        copy.remove(key);
        return derived(copy, oldNames);
    }

    /// This configuration with the entry `from`, where there is one, under the name `to`. Errors name `from`.
    public ModelConfig renamed(String from, String to) {
        if (!has(from)) {
            return this;
        }
        ObjectNode copy = copy();
        copy.set(to, node.get(from));
        Map<String, String> names = new HashMap<>(oldNames);
        names.put(to, from);
        return derived(copy, names);
    }

    private ObjectNode copy() {
        return (ObjectNode) node.deepCopy();
    }

    private ModelConfig derived(JsonNode changed, Map<String, String> names) {
        return new ModelConfig(file, prefix, changed, names, bound, read);
    }

    /// Refuses a switch that would change the numbers in a way that the family does not support.
    ///
    /// @param only the value that is supported, which is also what an absent entry means
    /// @throws InvalidInputException when it is another
    public void refuse(String key, boolean only) {
        if (flag(key, only) != only) {
            throw invalid(key, "other than " + only + " is not supported");
        }
    }

    /// Refuses an entry of the language model that changes the numbers in some families, and that was not read.
    ///
    /// @param family what the model is called
    /// @throws InvalidInputException naming the entry
    void refuseUnread(String family) {
        ModelConfig decoder = decoder();
        for (String key : decoder.keys()) {
            if (!read.contains(decoder.prefix + key)
                    && NumberChanging.isOn(key, decoder.node.get(key))) {
                throw decoder.invalid(
                        key,
                        "is %s, which is not supported with model_type '%s'"
                                .formatted(decoder.node.get(key), family));
            }
        }
    }

    /// An error about the entry `key`.
    public InvalidInputException invalid(String key, String what) {
        return new InvalidInputException(
                file + ": " + prefix + oldNames.getOrDefault(key, key) + " " + what);
    }
}
