package org.wanda4j.grammar;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Grammar.Node;
import org.wanda4j.grammar.Grammar.Rule;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.BooleanNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Reads a JSON schema into a grammar.
final class SchemaReader {

    private static final int MOST = 1 << 16; // items, or characters
    private static final int MOST_REFERENCES = 256;

    /// Keywords that no text depends on.
    private static final Set<String> ANNOTATIONS =
            Set.of(
                    "$schema",
                    "$id",
                    "$comment",
                    "$defs",
                    "definitions",
                    "title",
                    "description",
                    "default",
                    "examples",
                    "deprecated",
                    "readOnly",
                    "writeOnly");

    static final List<String> TYPES =
            List.of("object", "array", "string", "integer", "number", "boolean", "null");

    private static final int DEEPEST_ALL = 20; // allOf within allOf
    private static final double LARGEST = 1e18;

    private static final String DATE =
            "[12]\\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))";
    private static final String TIME =
            "([01]\\d|2[0-3])(:[0-5]\\d){2}(\\.\\d{1,6})?(Z|[+-](0\\d|1[0-7]):[0-5]\\d)";
    private static final String HOST =
            "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z]([a-z0-9-]{0,20}[a-z0-9])?){0,3}\\.(com|org|net|edu)";
    private static final String BYTE = "(\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])";

    /// Regular expressions of the formats: all that they match is of the format, and not the other way round.
    private static final Map<String, String> FORMATS =
            Map.of(
                    "date", "^" + DATE + "$",
                    "time", "^" + TIME + "$",
                    "date-time", "^" + DATE + "T" + TIME + "$",
                    "uuid", "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
                    "email", "^[A-Za-z0-9_+-]{1,20}(\\.[A-Za-z0-9_+-]{1,20}){0,2}@" + HOST + "$",
                    "hostname", "^" + HOST + "$",
                    "ipv4", "^(" + BYTE + "\\.){3}" + BYTE + "$",
                    "uri", "^https?://" + HOST + "(/[A-Za-z0-9._~-]*)*$");

    private final Grammar.Builder builder;
    private final JsonNode root;
    private final JsonGrammar json;
    private final Map<String, Rule> references = new HashMap<>();

    SchemaReader(Grammar.Builder builder, JsonNode root) {
        this.builder = builder;
        this.root = root;
        this.json = new JsonGrammar(builder);
    }

    /// A value that `schema` describes.
    ///
    /// @param path of the schema, for errors; ends with a point unless it is empty
    Node value(Node from, JsonNode schema, String path) {
        if (schema.isBoolean() && schema.asBoolean()) {
            return builder.call(from, json.any());
        }
        if (!schema.isObject()) {
            throw new InvalidInputException(place(path) + " must be an object");
        }
        if (schema.has("$ref")) {
            check(schema, path, Set.of("$ref"));
            return builder.call(from, reference(schema.get("$ref"), path));
        }
        if (schema.has("anyOf")) {
            check(schema, path, Set.of("anyOf"));
            return anyOf(from, list(schema, "anyOf", path), path + "anyOf");
        }
        if (schema.has("oneOf")) {
            check(schema, path, Set.of("oneOf"));
            List<JsonNode> all = list(schema, "oneOf", path);
            if (!new Alternatives(this::resolved).exclude(all)) {
                throw new InvalidInputException(
                        "the keyword %soneOf of the schema is supported where each two alternatives have another type, or a required property with other constants; use anyOf"
                                .formatted(path));
            }
            return anyOf(from, all, path + "oneOf");
        }
        if (schema.has("allOf")) {
            List<JsonNode> all = list(schema, "allOf", path);
            return all.size() == 1 && isAlone(schema, "allOf")
                    ? value(from, all.getFirst(), path + "allOf[0].")
                    : value(from, together(schema, path), path);
        }
        Set<String> types = types(schema, path);
        if (schema.has("const")) {
            check(schema, path, Set.of("const", "type"));
            return constants(from, List.of(schema.get("const")), types, path + "const");
        }
        if (schema.has("enum")) {
            check(schema, path, Set.of("enum", "type"));
            return constants(from, list(schema, "enum", path), types, path + "enum");
        }
        Set<String> keywords = new LinkedHashSet<>(Set.of("type"));
        types.forEach(type -> keywords.addAll(keywords(type)));
        check(schema, path, keywords);
        Node end = builder.node();
        for (String type : types) {
            typed(from, type, schema, path).empty.add(end);
        }
        return end;
    }

    private static Set<String> keywords(String type) {
        return switch (type) {
            case "object" -> Set.of("properties", "required", "additionalProperties");
            case "array" -> Set.of("items", "prefixItems", "minItems", "maxItems");
            case "string" -> Set.of("minLength", "maxLength", "pattern", "format");
            case "integer", "number" ->
                    Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum");
            default -> Set.of();
        };
    }

    private static void check(JsonNode schema, String path, Set<String> supported) {
        for (String name : schema.propertyNames()) {
            if (!supported.contains(name) && !ANNOTATIONS.contains(name)) {
                throw unsupported(
                        path + inLine(name),
                        supported.contains("type")
                                ? "for this type"
                                : "beside " + supported.iterator().next());
            }
        }
    }

    private static InvalidInputException unsupported(String keyword, String where) {
        return new InvalidInputException(
                "the keyword %s of the schema is not supported %s".formatted(keyword, where));
    }

    /// A name of the schema's for an error, which is one line.
    private static String inLine(String name) {
        return name.replaceAll("\\p{Cntrl}", "?");
    }

    private static String place(String path) {
        return path.isEmpty() ? "the schema" : path.substring(0, path.length() - 1);
    }

    private static List<JsonNode> list(JsonNode schema, String keyword, String path) {
        JsonNode list = schema.get(keyword);
        if (!list.isArray() || list.isEmpty()) {
            throw new InvalidInputException(path + keyword + " must be a list, and not empty");
        }
        return list.valueStream().toList();
    }

    /// Where no type is named, the keywords tell it; where they do not, all types are.
    private static Set<String> types(JsonNode schema, String path) {
        JsonNode type = schema.get("type");
        if (type == null) {
            for (String each : List.of("object", "array", "string", "number")) {
                if (keywords(each).stream().anyMatch(schema::has)) {
                    return Set.of(each);
                }
            }
            return new LinkedHashSet<>(TYPES);
        }
        Set<String> types = new LinkedHashSet<>();
        for (JsonNode each : type.isArray() ? type : List.of(type)) {
            if (!TYPES.contains(each.asString(""))) {
                throw new InvalidInputException(
                        "%stype must be one of %s, or a list of them".formatted(path, TYPES));
            }
            types.add(each.asString());
        }
        return types;
    }

    private Node typed(Node from, String type, JsonNode schema, String path) {
        return switch (type) {
            case "object" -> object(from, schema, path);
            case "array" -> array(from, schema, path);
            case "string" -> string(from, schema, path);
            case "integer", "number" -> number(from, type.equals("integer"), schema, path);
            case "boolean" -> json.bool(from);
            default -> json.text(from, "null");
        };
    }

    private Node array(Node from, JsonNode schema, String path) {
        int least = bound(schema, "minItems", path).orElse(0);
        Optional<Integer> most = upperBound(schema, "minItems", "maxItems", path);
        if (schema.has("prefixItems")) {
            List<JsonNode> items = list(schema, "prefixItems", path);
            if (least > items.size() || most.orElse(items.size()) < items.size()) {
                throw unsupported(path + "prefixItems", "with other numbers of items");
            }
            Node at = json.text(from, "[");
            for (int i = 0; i < items.size(); i++) {
                Node start = json.space(i == 0 ? at : json.text(at, ","));
                at = value(start, items.get(i), "%sprefixItems[%d].".formatted(path, i));
            }
            return json.text(json.space(at), "]");
        }
        Rule item = schema.has("items") ? rule(schema.get("items"), path + "items.") : json.any();
        return json.array(from, item, least, most);
    }

    private Node string(Node from, JsonNode schema, String path) {
        for (String keyword : List.of("pattern", "format")) {
            if (schema.has(keyword)) {
                Set<String> alone = new LinkedHashSet<>(List.of(keyword, "type"));
                for (String other : keywords("string")) {
                    if (schema.has(other) && !alone.contains(other)) {
                        throw unsupported(path + other, "beside " + keyword);
                    }
                }
                String text = schema.get(keyword).asString("");
                String pattern = keyword.equals("pattern") ? text : format(text, path);
                return RegularExpression.read(builder, from, pattern, path + keyword);
            }
        }
        return json.string(
                from,
                bound(schema, "minLength", path).orElse(0),
                upperBound(schema, "minLength", "maxLength", path));
    }

    private static String format(String name, String path) {
        return Optional.ofNullable(FORMATS.get(name))
                .orElseThrow(() ->
                        new InvalidInputException(
                                "%sformat '%s' of the schema is not supported (%s are)"
                                        .formatted(
                                                path,
                                                inLine(name),
                                                String.join(
                                                        ", ", new TreeSet<>(FORMATS.keySet())))));
    }

    private Node number(Node from, boolean whole, JsonNode schema, String path) {
        Optional<NumberRange.Bound> least =
                closer(
                        limit(schema, "minimum", path),
                        limit(schema, "exclusiveMinimum", path),
                        true);
        Optional<NumberRange.Bound> most =
                closer(
                        limit(schema, "maximum", path),
                        limit(schema, "exclusiveMaximum", path),
                        false);
        if (least.isPresent() || most.isPresent()) {
            return NumberRange.read(builder, from, whole, least, most, place(path));
        }
        return whole ? json.integer(from) : json.number(from);
    }

    /// The one of two bounds that leaves less.
    private static Optional<NumberRange.Bound> closer(
            Optional<NumberRange.Bound> bound,
            Optional<NumberRange.Bound> exclusive,
            boolean isLower) {
        if (bound.isEmpty() || exclusive.isEmpty()) {
            return bound.or(() -> exclusive);
        }
        int difference = exclusive.get().value().compareTo(bound.get().value());
        return difference == 0 || (difference > 0) == isLower ? exclusive : bound;
    }

    private static Optional<NumberRange.Bound> limit(JsonNode schema, String keyword, String path) {
        JsonNode limit = schema.path(keyword);
        if (limit.isMissingNode()) {
            return Optional.empty();
        }
        if (!limit.isNumber() || !(Math.abs(limit.asDouble()) <= LARGEST)) {
            throw new InvalidInputException(
                    "%s%s must be a number from -1e18 to 1e18".formatted(path, keyword));
        }
        return Optional.of(
                new NumberRange.Bound(limit.decimalValue(), keyword.startsWith("exclusive")));
    }

    private static boolean isAlone(JsonNode schema, String keyword) {
        return schema.propertyNames().stream()
                .allMatch(name -> name.equals(keyword) || ANNOTATIONS.contains(name));
    }

    /// One schema that says what `schema` and all of its `allOf` say.
    private JsonNode together(JsonNode schema, String path) {
        ObjectNode all = JsonNodeFactory.instance.objectNode();
        collect(schema, all, path, 0);
        return all;
    }

    private void collect(JsonNode schema, ObjectNode all, String path, int depth) {
        if (depth > DEEPEST_ALL || !schema.isObject()) {
            throw unsupported(path + "allOf", "of these schemas");
        }
        JsonNode own = resolved(schema);
        own.forEachEntry((name, value) -> {
            if (name.equals("allOf")) {
                list(own, name, path).forEach(each -> collect(each, all, path, depth + 1));
            } else if (name.equals("required") && value.isArray()) {
                value.forEach(all.withArray(name)::add);
            } else if (name.equals("properties") && value.isObject()) {
                value.forEachEntry((property, each) ->
                        put(all.withObject("/properties"), property, each, path));
            } else if (!ANNOTATIONS.contains(name)) {
                put(all, name, value, path);
            }
        });
        if (all.has("additionalProperties") && depth > 0) {
            throw unsupported(path + "additionalProperties", "within allOf");
        }
    }

    private static void put(ObjectNode all, String name, JsonNode value, String path) {
        if (all.has(name) && !all.get(name).equals(value)) {
            throw unsupported(path + "allOf", "where two schemas say something of " + inLine(name));
        }
        all.set(name, value);
    }

    /// The schema that a chain of references leads to.
    private JsonNode resolved(JsonNode schema) {
        JsonNode at = schema;
        for (int i = 0; at.has("$ref") && i < MOST_REFERENCES; i++) {
            at = target(at.get("$ref").asString(""), "");
        }
        return at;
    }

    private static Optional<Integer> upperBound(
            JsonNode schema, String least, String most, String path) {
        Optional<Integer> bound = bound(schema, most, path);
        if (bound.isPresent() && bound.get() < bound(schema, least, path).orElse(0)) {
            throw new InvalidInputException(
                    "%s%s must not be less than %s".formatted(path, most, least));
        }
        return bound;
    }

    private static Optional<Integer> bound(JsonNode schema, String keyword, String path) {
        Optional<JsonNode> bound = Optional.ofNullable(schema.get(keyword));
        if (bound.filter(it -> !isBound(it)).isPresent()) {
            throw new InvalidInputException(
                    "%s%s must be a whole number from 0 to %,d".formatted(path, keyword, MOST));
        }
        return bound.map(JsonNode::asInt);
    }

    private static boolean isBound(JsonNode bound) {
        return bound.isIntegralNumber()
                && bound.canConvertToInt()
                && bound.asInt() >= 0
                && bound.asInt() <= MOST;
    }

    private Rule rule(JsonNode schema, String path) {
        Rule rule = builder.rule(false);
        value(rule.start(), schema, path).end = true;
        return rule;
    }

    private Node anyOf(Node from, List<JsonNode> schemas, String path) {
        Node end = builder.node();
        for (int i = 0; i < schemas.size(); i++) {
            value(from, schemas.get(i), "%s[%d].".formatted(path, i)).empty.add(end);
        }
        return end;
    }

    private Node constants(Node from, List<JsonNode> values, Set<String> types, String place) {
        List<JsonNode> possible =
                values.stream().filter(value -> types.stream().anyMatch(type(value))).toList();
        if (possible.isEmpty()) {
            throw new InvalidInputException(place + " has no value of the schema's type");
        }
        Node end = builder.node();
        possible.forEach(value -> json.text(from, Json.writeLine(value)).empty.add(end));
        return end;
    }

    private static Predicate<String> type(JsonNode value) {
        return type ->
                switch (type) {
                    case "object" -> value.isObject();
                    case "array" -> value.isArray();
                    case "string" -> value.isString();
                    case "integer" -> value.isIntegralNumber();
                    case "number" -> value.isNumber();
                    case "boolean" -> value.isBoolean();
                    default -> value.isNull();
                };
    }

    private Rule reference(JsonNode reference, String path) {
        String pointer = reference.asString("");
        if (!pointer.startsWith("#")) {
            throw new InvalidInputException(
                    "%s$ref must lead into the schema itself, as #/$defs/name".formatted(path));
        }
        if (!references.containsKey(pointer)) {
            JsonNode target = target(pointer, path);
            if (references.size() == MOST_REFERENCES) {
                throw new InvalidInputException(
                        "the schema has more than %d definitions".formatted(MOST_REFERENCES));
            }
            Rule rule = builder.rule(true);
            references.put(pointer, rule); // before it is read: it may lead to itself
            value(rule.start(), target, inLine(pointer) + ".").end = true;
        }
        return references.get(pointer);
    }

    private JsonNode target(String pointer, String path) {
        JsonNode at = root;
        for (String name : pointer.substring(1).split("/", -1)) {
            if (!name.isEmpty()) {
                at = at.path(name.replace("~1", "/").replace("~0", "~"));
            }
        }
        if (at.isMissingNode()) {
            throw new InvalidInputException(
                    "%s$ref leads to %s, which is not there".formatted(path, inLine(pointer)));
        }
        return at;
    }

    private Node object(Node from, JsonNode schema, String path) {
        Map<String, Property> properties = properties(schema, path);
        Optional<JsonNode> more = Optional.ofNullable(schema.get("additionalProperties"));
        if (properties.isEmpty()) {
            boolean none = more.filter(it -> it.isBoolean() && !it.asBoolean()).isPresent();
            return none
                    ? json.text(from, "{}")
                    : json.map(
                            from,
                            more.map(each -> rule(each, path + "additionalProperties."))
                                    .orElseGet(json::any));
        }
        return members(from, List.copyOf(properties.values()));
    }

    /// A property of an object.
    ///
    /// @param member its name and its value
    private record Property(Rule member, boolean required) {}

    private Map<String, Property> properties(JsonNode schema, String path) {
        Set<String> required = required(schema, path);
        Map<String, Property> properties = new LinkedHashMap<>();
        JsonNode described = schema.path("properties");
        if (!described.isObject() && !described.isMissingNode()) {
            throw new InvalidInputException(path + "properties must be an object");
        }
        described.forEachEntry((name, value) ->
                properties.put(
                        name,
                        new Property(
                                member(
                                        name,
                                        value,
                                        "%sproperties.%s.".formatted(path, inLine(name))),
                                required.contains(name))));
        for (String name : required) {
            properties.computeIfAbsent(
                    name, it -> new Property(member(it, BooleanNode.TRUE, path), true));
        }
        return properties;
    }

    private static Set<String> required(JsonNode schema, String path) {
        Set<String> required = new LinkedHashSet<>();
        JsonNode names = schema.path("required");
        if (!names.isMissingNode()
                && (!names.isArray() || !names.valueStream().allMatch(JsonNode::isString))) {
            throw new InvalidInputException(path + "required must be a list of names");
        }
        names.forEach(name -> required.add(name.asString()));
        return required;
    }

    private Rule member(String name, JsonNode value, String path) {
        Rule member = builder.rule(false);
        Node behind = json.space(json.text(member.start(), Json.writeLine(name) + ":"));
        value(behind, value, path).end = true;
        return member;
    }

    /// Members in their order; those that are not required may be left out.
    private Node members(Node from, List<Property> properties) {
        Node close = builder.node();
        Node none = json.space(json.text(from, "{")); // where no member has been written so far
        Node some = builder.node();
        boolean canBeNone = true;
        for (Property property : properties) {
            Node written = builder.node();
            if (canBeNone) {
                builder.call(none, property.member()).empty.add(written);
            }
            builder.call(json.space(json.text(some, ",")), property.member()).empty.add(written);
            if (!property.required()) {
                some.empty.add(written);
            }
            canBeNone &= !property.required();
            some = written;
        }
        if (canBeNone) {
            none.empty.add(close);
        }
        json.space(some).empty.add(close);
        return json.text(close, "}");
    }
}
