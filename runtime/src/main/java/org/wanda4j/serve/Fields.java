package org.wanda4j.serve;

import java.util.Optional;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/// The fields of a JSON object that a caller sent. What is `null` counts as absent.
record Fields(JsonNode object) {

    Optional<JsonNode> find(String name) {
        return Optional.ofNullable(object.get(name)).filter(value -> !value.isNull());
    }

    Optional<String> text(String name) {
        return find(name, JsonNode::isString, "a text").map(JsonNode::asString);
    }

    boolean flag(String name) {
        return find(name, JsonNode::isBoolean, "true or false")
                .map(JsonNode::asBoolean)
                .orElse(false);
    }

    double number(String name, double otherwise, double smallest, double largest) {
        return find(
                        name,
                        value ->
                                value.isNumber()
                                        && value.asDouble() >= smallest
                                        && value.asDouble() <= largest,
                        "a number from %s to %s".formatted(smallest, largest))
                .map(JsonNode::asDouble)
                .orElse(otherwise);
    }

    Optional<Integer> whole(String name, int smallest, int largest) {
        return find(
                        name,
                        value ->
                                value.isIntegralNumber()
                                        && value.canConvertToInt()
                                        && value.asInt() >= smallest
                                        && value.asInt() <= largest,
                        "a whole number from %,d to %,d".formatted(smallest, largest))
                .map(JsonNode::asInt);
    }

    Optional<Long> wholeLong(String name) {
        return find(
                        name,
                        value -> value.isIntegralNumber() && value.canConvertToLong(),
                        "a whole number of 64 bits")
                .map(JsonNode::asLong);
    }

    private Optional<JsonNode> find(String name, Predicate<JsonNode> valid, String what) {
        Optional<JsonNode> value = find(name);
        if (value.isPresent() && !valid.test(value.get())) {
            throw ApiError.ofField(name, "%s must be %s".formatted(name, what));
        }
        return value;
    }

    /// Refuses a field that would change the answer in a way that this server does not know.
    void refuse(String name, Predicate<JsonNode> harmless, String what) {
        if (find(name).filter(harmless.negate()).isPresent()) {
            throw ApiError.ofField(name, "%s is not supported here%s".formatted(name, what));
        }
    }
}
