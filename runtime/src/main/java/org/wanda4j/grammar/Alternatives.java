package org.wanda4j.grammar;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import tools.jackson.databind.JsonNode;

/// Whether no value is described by two schemas: told by their types, by constants, and by constants of required properties. Where
/// that does not tell, the answer is no.
///
/// @param resolve from a schema to the one that its references lead to
record Alternatives(UnaryOperator<JsonNode> resolve) {

    private static final int DEEPEST = 8;

    /// Whether each two exclude each other.
    boolean exclude(List<JsonNode> schemas) {
        for (int i = 0; i < schemas.size(); i++) {
            for (JsonNode other : schemas.subList(i + 1, schemas.size())) {
                if (!exclude(schemas.get(i), other, 0)) {
                    return false;
                }
            }
        }
        return true;
    }

    private boolean exclude(JsonNode given, JsonNode givenOther, int depth) {
        JsonNode schema = resolve.apply(given);
        JsonNode other = resolve.apply(givenOther);
        Optional<List<JsonNode>> constants = constants(schema);
        Optional<List<JsonNode>> others = constants(other);
        if (constants.isPresent() && others.isPresent()) {
            return constants.get().stream()
                    .noneMatch(value -> others.get().stream().anyMatch(it -> isSame(value, it)));
        }
        Set<String> common = new HashSet<>(types(schema));
        common.retainAll(types(other));
        return common.isEmpty()
                || (common.equals(Set.of("object"))
                        && depth < DEEPEST
                        && required(schema).stream()
                                .filter(required(other)::contains)
                                .anyMatch(name ->
                                        exclude(
                                                schema.path("properties").path(name),
                                                other.path("properties").path(name),
                                                depth + 1)));
    }

    private static Set<String> required(JsonNode schema) {
        Set<String> names = new HashSet<>();
        schema.path("required").forEach(name -> names.add(name.asString("")));
        return names;
    }

    private static Optional<List<JsonNode>> constants(JsonNode schema) {
        return schema.has("const")
                ? Optional.of(List.of(schema.get("const")))
                : schema.path("enum").isArray()
                        ? Optional.of(schema.get("enum").valueStream().toList())
                        : Optional.empty();
    }

    private static boolean isSame(JsonNode value, JsonNode other) {
        return (value.isNumber() && other.isNumber())
                ? Double.compare(value.asDouble(), other.asDouble()) == 0
                : value.equals(other);
    }

    /// Types of the values, an integer being a number.
    private static Set<String> types(JsonNode schema) {
        List<String> named = new ArrayList<>();
        constants(schema)
                .ifPresentOrElse(
                        values -> values.forEach(value -> named.add(type(value))),
                        () -> {
                            JsonNode type = schema.path("type");
                            if (type.isArray()) {
                                type.forEach(each -> named.add(each.asString("")));
                            } else if (type.isString()) {
                                named.add(type.asString());
                            }
                        });
        if (named.isEmpty()) {
            named.addAll(SchemaReader.TYPES);
        }
        Set<String> types = new HashSet<>(named);
        if (types.remove("integer")) {
            types.add("number");
        }
        return types;
    }

    private static String type(JsonNode value) {
        return value.isNumber()
                ? "number"
                : value.isString()
                        ? "string"
                        : value.isBoolean()
                                ? "boolean"
                                : value.isNull() ? "null" : value.isArray() ? "array" : "object";
    }
}
