package org.wanda4j.serve;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/// The fields of a JSON object that a caller sent. What is `null` counts as absent.
///
/// @param path what names it in errors: empty for the body, or with a point at its end
record Fields(JsonNode object, String path) {

    /// The fields of a body.
    Fields(JsonNode body) {
        this(body, "");
    }

    Optional<JsonNode> find(String name) {
        return Optional.ofNullable(object.get(name)).filter(value -> !value.isNull());
    }

    /// An object that is a field.
    Optional<Fields> object(String name) {
        return find(name, JsonNode::isObject, "an object")
                .map(value -> new Fields(value, path + name + "."));
    }

    /// The objects of a list that is a field.
    Optional<List<Fields>> objects(String name) {
        return find(
                        name,
                        value -> value.isArray() && all(value, JsonNode::isObject),
                        "a list of objects")
                .map(list -> {
                    List<Fields> objects = new ArrayList<>();
                    list.forEach(value ->
                            objects.add(
                                    new Fields(
                                            value,
                                            "%s%s[%d].".formatted(path, name, objects.size()))));
                    return objects;
                });
    }

    static boolean all(JsonNode list, Predicate<JsonNode> valid) {
        return list.valueStream().allMatch(valid);
    }

    Optional<String> text(String name) {
        return find(name, JsonNode::isString, "a text").map(JsonNode::asString);
    }

    Optional<Boolean> flag(String name) {
        return find(name, JsonNode::isBoolean, "true or false").map(JsonNode::asBoolean);
    }

    boolean isSet(String name) {
        return flag(name).orElse(false);
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
        return value.isNumber() && real(value) <= largest;
    }

    /// A number; NaN where it is a whole one that no `double` holds.
    static double real(JsonNode number) {
        return number.asDouble(Double.NaN);
    }

    Optional<Integer> whole(String name, int smallest, int largest) {
        return find(
                        name,
                        value -> isWhole(value, smallest, largest),
                        "a whole number from %,d to %,d".formatted(smallest, largest))
                .map(JsonNode::asInt);
    }

    /// A limit; `none` where the caller sent -1.
    OptionalInt limit(String name, int smallest, int largest, int none) {
        Optional<JsonNode> value =
                find(
                        name,
                        it -> isWhole(it, smallest, largest) || isWhole(it, -1, -1),
                        "a whole number from %,d to %,d, or -1".formatted(smallest, largest));
        return value.isEmpty()
                ? OptionalInt.empty()
                : OptionalInt.of(value.get().asInt() == -1 ? none : value.get().asInt());
    }

    private static boolean isWhole(JsonNode value, int smallest, int largest) {
        return value.isIntegralNumber()
                && value.canConvertToInt()
                && value.asInt() >= smallest
                && value.asInt() <= largest;
    }

    Optional<Long> wholeLong(String name) {
        return find(
                        name,
                        value -> value.isIntegralNumber() && value.canConvertToLong(),
                        "a whole number of 64 bits")
                .map(JsonNode::asLong);
    }

    /// All of them as plain values: texts, numbers (`Long`, `Double`), truths, lists and maps.
    Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        object.forEachEntry((name, value) -> values.put(name, plain(value, name)));
        return values;
    }

    /// One of them as [#values()] has it.
    Optional<Object> value(String name) {
        return find(name).map(value -> plain(value, name));
    }

    private Object plain(JsonNode value, String name) {
        if (value.isNull()) {
            return null;
        }
        if (value.isObject()) {
            return new Fields(value, path + name + ".").values();
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
            throw wrong(name, "has a number that is too large");
        }
        return value.isIntegralNumber() ? (Object) value.asLong() : (Object) value.asDouble();
    }

    private Optional<JsonNode> find(String name, Predicate<JsonNode> valid, String what) {
        Optional<JsonNode> value = find(name);
        if (value.isPresent() && !valid.test(value.get())) {
            throw wrong(name, "must be " + what);
        }
        return value;
    }

    /// A field that cannot be used.
    ///
    /// @param what goes on behind the field's name
    ApiError wrong(String name, String what) {
        return ApiError.ofField(path + name, "%s%s %s".formatted(path, name, what));
    }
}
