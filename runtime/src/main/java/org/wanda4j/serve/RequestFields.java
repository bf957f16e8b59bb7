package org.wanda4j.serve;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/// Fields of a JSON object in a request, by name. `null` counts as absent. Each method throws an [ApiException] that names the field
/// where its value is of another type or out of range.
///
/// @param path of the object, for errors: empty for the body, else ends with a point
record RequestFields(JsonNode object, String path) {

    /// Fields of the request's body.
    RequestFields(JsonNode body) {
        this(body, "");
    }

    Optional<JsonNode> find(String name) {
        return Optional.ofNullable(object.get(name)).filter(value -> !value.isNull());
    }

    /// Fields of an object.
    Optional<RequestFields> object(String name) {
        return find(name, JsonNode::isObject, "an object")
                .map(value -> new RequestFields(value, path + name + "."));
    }

    /// Fields of each object of a list.
    Optional<List<RequestFields>> objects(String name) {
        return find(
                        name,
                        value -> value.isArray() && all(value, JsonNode::isObject),
                        "a list of objects")
                .map(list -> {
                    List<RequestFields> objects = new ArrayList<>();
                    list.forEach(value ->
                            objects.add(
                                    new RequestFields(
                                            value,
                                            "%s%s[%d].".formatted(path, name, objects.size()))));
                    return objects;
                });
    }

    static boolean all(JsonNode list, Predicate<JsonNode> valid) {
        return list.valueStream().allMatch(valid);
    }

    Optional<String> string(String name) {
        return find(name, JsonNode::isString, "a text").map(JsonNode::asString);
    }

    Optional<Boolean> bool(String name) {
        return find(name, JsonNode::isBoolean, "true or false").map(JsonNode::asBoolean);
    }

    boolean isTrue(String name) {
        return bool(name).orElse(false);
    }

    /// A number in `[smallest, largest]`.
    double number(String name, double otherwise, double smallest, double largest) {
        return find(
                        name,
                        value -> isNumber(value, largest) && value.asDouble() >= smallest,
                        "a number from %s to %s".formatted(smallest, largest))
                .map(JsonNode::asDouble)
                .orElse(otherwise);
    }

    /// A number in `(0, largest]`.
    double positive(String name, double otherwise, double largest) {
        return find(
                        name,
                        value -> isNumber(value, largest) && value.asDouble() > 0,
                        "a number above 0, at most " + largest)
                .map(JsonNode::asDouble)
                .orElse(otherwise);
    }

    private static boolean isNumber(JsonNode value, double largest) {
        return value.isNumber() && toDouble(value) <= largest;
    }

    /// A number; NaN for an integer that is out of a `double`'s range.
    static double toDouble(JsonNode number) {
        return number.asDouble(Double.NaN);
    }

    /// An integer in `[smallest, largest]`.
    Optional<Integer> integer(String name, int smallest, int largest) {
        return find(
                        name,
                        value -> isInteger(value, smallest, largest),
                        "a whole number from %,d to %,d".formatted(smallest, largest))
                .map(JsonNode::asInt);
    }

    /// An integer in `[smallest, largest]`; `none` where the value is -1.
    OptionalInt limit(String name, int smallest, int largest, int none) {
        Optional<JsonNode> value =
                find(
                        name,
                        it -> isInteger(it, smallest, largest) || isInteger(it, -1, -1),
                        "a whole number from %,d to %,d, or -1".formatted(smallest, largest));
        return value.isEmpty()
                ? OptionalInt.empty()
                : OptionalInt.of(value.get().asInt() == -1 ? none : value.get().asInt());
    }

    private static boolean isInteger(JsonNode value, int smallest, int largest) {
        return value.isIntegralNumber()
                && value.canConvertToInt()
                && value.asInt() >= smallest
                && value.asInt() <= largest;
    }

    /// An integer of 64 bits.
    Optional<Long> longInteger(String name) {
        return find(
                        name,
                        value -> value.isIntegralNumber() && value.canConvertToLong(),
                        "a whole number of 64 bits")
                .map(JsonNode::asLong);
    }

    /// All fields as `String`, `Long`, `Double`, `Boolean`, `List`, `Map` or null.
    Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        object.forEachEntry((name, value) -> values.put(name, plain(value, name)));
        return values;
    }

    private Object plain(JsonNode value, String name) {
        if (value.isNull()) {
            return null;
        }
        if (value.isObject()) {
            return new RequestFields(value, path + name + ".").values();
        }
        if (value.isArray()) {
            List<Object> list = new ArrayList<>();
            value.forEach(item -> list.add(plain(item, name)));
            return list;
        }
        if (value.isBoolean()) {
            return value.asBoolean();
        }
        if (!value.isNumber()) {
            return value.asString();
        }
        boolean fits =
                value.isIntegralNumber()
                        ? value.canConvertToLong()
                        : Double.isFinite(value.asDouble());
        if (!fits) {
            throw invalid(name, "has a number that is too large");
        }
        return value.isIntegralNumber() ? (Object) value.asLong() : (Object) value.asDouble();
    }

    private Optional<JsonNode> find(String name, Predicate<JsonNode> valid, String what) {
        Optional<JsonNode> value = find(name);
        if (value.isPresent() && !valid.test(value.get())) {
            throw invalid(name, "must be " + what);
        }
        return value;
    }

    /// The error for a field.
    ///
    /// @param what predicate of the message, whose subject is the field
    ApiException invalid(String name, String what) {
        return ApiException.ofField(path + name, "%s%s %s".formatted(path, name, what));
    }
}
