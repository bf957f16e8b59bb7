package org.wanda4j.text.jinja;

import java.util.List;
import java.util.Map;

/// What stands behind `is`.
final class Tests {

    /// One of them.
    interface Test {
        boolean holds(Scope scope, Object value, Arguments arguments);
    }

    private static final Map<String, Test> ALL =
            Map.ofEntries(
                    Map.entry("defined", (_, value, _) -> !(value instanceof Undefined)),
                    Map.entry("undefined", (_, value, _) -> value instanceof Undefined),
                    Map.entry("none", (_, value, _) -> value == null),
                    Map.entry("true", (_, value, _) -> Boolean.TRUE.equals(value)),
                    Map.entry("false", (_, value, _) -> Boolean.FALSE.equals(value)),
                    Map.entry("boolean", (_, value, _) -> value instanceof Boolean),
                    Map.entry("string", (_, value, _) -> value instanceof String),
                    Map.entry("number", (_, value, _) -> Values.isNumber(value)),
                    Map.entry("integer", (_, value, _) -> value instanceof Long),
                    Map.entry("float", (_, value, _) -> value instanceof Double),
                    Map.entry("mapping", (_, value, _) -> value instanceof Map),
                    Map.entry("iterable", (_, value, _) -> isSequence(value)),
                    Map.entry("sequence", (_, value, _) -> isSequence(value)),
                    Map.entry("callable", (_, value, _) -> value instanceof Function),
                    Map.entry("odd", (_, value, _) -> Values.whole(value) % 2 != 0),
                    Map.entry("even", (_, value, _) -> Values.whole(value) % 2 == 0),
                    Map.entry(
                            "divisibleby",
                            (scope, value, arguments) ->
                                    !Values.isTrue(
                                            Values.calculate(scope, "%", value, arguments.get(0)))),
                    Map.entry(
                            "in",
                            (scope, value, arguments) ->
                                    Values.contains(scope, arguments.get(0), value)),
                    Map.entry("equalto", comparison("==")),
                    Map.entry("eq", comparison("==")),
                    Map.entry("ne", comparison("!=")),
                    Map.entry("lt", comparison("<")),
                    Map.entry("le", comparison("<=")),
                    Map.entry("gt", comparison(">")),
                    Map.entry("ge", comparison(">=")));

    private Tests() {}

    static Test named(String name) {
        Test test = ALL.get(name);
        if (test == null) {
            throw new TemplateException("there is no test 'is " + name + "' here");
        }
        return test;
    }

    private static Test comparison(String operator) {
        return (scope, value, arguments) ->
                Values.compare(scope, operator, value, arguments.get(0));
    }

    private static boolean isSequence(Object value) {
        return value instanceof String || value instanceof List || value instanceof Map;
    }
}
