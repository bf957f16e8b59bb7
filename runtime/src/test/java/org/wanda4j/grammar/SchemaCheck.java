package org.wanda4j.grammar;

import tools.jackson.databind.JsonNode;

/// A naive reading of JSON schema, for what the grammars support.
final class SchemaCheck {

    private SchemaCheck() {}

    static boolean holds(JsonNode root, JsonNode schema, JsonNode value) {
        if (schema.isBoolean()) {
            return schema.asBoolean();
        }
        return reference(root, schema, value)
                && (!schema.has("anyOf")
                        || schema.get("anyOf")
                                .valueStream()
                                .anyMatch(each -> holds(root, each, value)))
                && schema.path("allOf").valueStream().allMatch(each -> holds(root, each, value))
                && (!schema.has("const") || schema.get("const").equals(value))
                && (!schema.has("enum") || schema.get("enum").valueStream().anyMatch(value::equals))
                && (!schema.has("type") || hasType(schema.get("type"), value))
                && object(root, schema, value)
                && array(root, schema, value)
                && string(schema, value);
    }

    private static boolean reference(JsonNode root, JsonNode schema, JsonNode value) {
        return !schema.has("$ref")
                || holds(root, root.at(schema.get("$ref").asString().substring(1)), value);
    }

    private static boolean hasType(JsonNode type, JsonNode value) {
        if (type.isArray()) {
            return type.valueStream().anyMatch(each -> hasType(each, value));
        }
        return switch (type.asString()) {
            case "object" -> value.isObject();
            case "array" -> value.isArray();
            case "string" -> value.isString();
            case "integer" -> value.isIntegralNumber();
            case "number" -> value.isNumber();
            case "boolean" -> value.isBoolean();
            default -> value.isNull();
        };
    }

    private static boolean object(JsonNode root, JsonNode schema, JsonNode value) {
        if (!value.isObject()) {
            return true;
        }
        boolean properties =
                value.propertyStream()
                        .allMatch(each -> {
                            JsonNode known = schema.path("properties").path(each.getKey());
                            JsonNode of =
                                    known.isMissingNode()
                                            ? schema.path("additionalProperties")
                                            : known;
                            return of.isMissingNode() || holds(root, of, each.getValue());
                        });
        return properties
                && schema.path("required")
                        .valueStream()
                        .allMatch(name -> value.has(name.asString()));
    }

    private static boolean array(JsonNode root, JsonNode schema, JsonNode value) {
        return !value.isArray()
                || (value.size() >= schema.path("minItems").asInt(0)
                        && value.size() <= schema.path("maxItems").asInt(Integer.MAX_VALUE)
                        && (!schema.has("items")
                                || value.valueStream()
                                        .allMatch(item -> holds(root, schema.get("items"), item))));
    }

    private static boolean string(JsonNode schema, JsonNode value) {
        if (!value.isString()) {
            return true;
        }
        String text = value.asString();
        int length = text.codePointCount(0, text.length());
        return length >= schema.path("minLength").asInt(0)
                && length <= schema.path("maxLength").asInt(Integer.MAX_VALUE);
    }
}
