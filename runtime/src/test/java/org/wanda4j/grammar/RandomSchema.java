package org.wanda4j.grammar;

import java.util.List;
import java.util.Random;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Draws schemas of the keywords that the grammars support.
final class RandomSchema {

    private static final List<String> PATTERNS =
            List.of("^[a-f]{2,4}$", "x+y?", "^(red|green) ?\\d*$", "^[^\\s]+$", "\\W\\.", "^\\$$");
    private static final List<String> FORMATS =
            List.of("date", "time", "date-time", "uuid", "email", "hostname", "ipv4", "uri");

    private final Random random;

    private RandomSchema(Random random) {
        this.random = random;
    }

    static ObjectNode of(Random random, int depth) {
        return new RandomSchema(random).schema(depth);
    }

    private ObjectNode schema(int depth) {
        return switch (random.nextInt(depth > 0 ? 10 : 6)) {
            case 0 -> number("integer");
            case 1 -> number("number");
            case 2 -> string();
            case 3 -> type("boolean");
            case 4 -> type("null");
            case 5 -> constants();
            case 6, 7 -> object(depth - 1);
            case 8 -> array(depth - 1);
            default -> alternatives(depth - 1);
        };
    }

    private static ObjectNode type(String name) {
        return JsonNodeFactory.instance.objectNode().put("type", name);
    }

    private ObjectNode number(String name) {
        ObjectNode schema = type(name);
        double low = random.nextInt(2000) - 1000;
        double high = low + 1 + random.nextInt(1000);
        if (name.equals("number")) {
            low += random.nextInt(100) / 100.0;
            high += random.nextInt(1000) / 1000.0;
        }
        if (random.nextBoolean()) {
            schema.put(random.nextBoolean() ? "minimum" : "exclusiveMinimum", low);
        }
        if (random.nextBoolean()) {
            schema.put(random.nextBoolean() ? "maximum" : "exclusiveMaximum", high + 2);
        }
        return schema;
    }

    private ObjectNode string() {
        ObjectNode schema = type("string");
        switch (random.nextInt(4)) {
            case 0 -> schema.put("pattern", PATTERNS.get(random.nextInt(PATTERNS.size())));
            case 1 -> schema.put("format", FORMATS.get(random.nextInt(FORMATS.size())));
            case 2 -> {
                int least = random.nextInt(5);
                schema.put("minLength", least).put("maxLength", least + random.nextInt(5));
            }
            default -> {} // Any.
        }
        return schema;
    }

    private ObjectNode constants() {
        ObjectNode schema = JsonNodeFactory.instance.objectNode();
        if (random.nextBoolean()) {
            return schema.put("const", random.nextInt(9) - 4);
        }
        schema.putArray("enum").add("red").add("r\"e\u00e9").add(7).add(1.5).addNull().add(true);
        return schema;
    }

    private ObjectNode object(int depth) {
        ObjectNode schema = type("object");
        if (random.nextInt(4) == 0) {
            schema.set("additionalProperties", schema(depth));
            return schema;
        }
        ObjectNode properties = schema.putObject("properties");
        ArrayNode required = schema.putArray("required");
        for (int i = random.nextInt(4); i >= 0; i--) {
            String name = "n" + i;
            properties.set(name, schema(depth));
            if (random.nextBoolean()) {
                required.add(name);
            }
        }
        if (random.nextBoolean()) {
            schema.put("additionalProperties", false);
        }
        if (random.nextInt(4) == 0) {
            ObjectNode all = JsonNodeFactory.instance.objectNode();
            ArrayNode list = all.putArray("allOf");
            list.add(schema.without("additionalProperties"));
            list.addObject().putObject("properties").set("more", schema(depth));
            return all;
        }
        return schema;
    }

    private ObjectNode array(int depth) {
        ObjectNode schema = type("array");
        if (random.nextInt(4) == 0) {
            schema.putArray("prefixItems").add(schema(depth)).add(schema(depth));
            return schema;
        }
        schema.set("items", schema(depth));
        int least = random.nextInt(3);
        if (random.nextBoolean()) {
            schema.put("minItems", least);
        }
        if (random.nextBoolean()) {
            schema.put("maxItems", least + random.nextInt(3));
        }
        return schema;
    }

    private ObjectNode alternatives(int depth) {
        ObjectNode schema = JsonNodeFactory.instance.objectNode();
        if (random.nextBoolean()) {
            schema.putArray("anyOf").add(schema(depth)).add(schema(depth));
            return schema;
        }
        ArrayNode list = schema.putArray("oneOf");
        list.add(string()).add(number("number"));
        for (String kind : List.of("a", "b")) {
            ObjectNode object = type("object");
            ObjectNode properties = object.putObject("properties");
            properties.putObject("kind").put("const", kind);
            properties.set("value", schema(depth));
            object.putArray("required").add("kind");
            list.add(object);
        }
        return schema;
    }
}
