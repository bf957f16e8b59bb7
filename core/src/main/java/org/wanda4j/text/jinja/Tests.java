package org.wanda4j.text.jinja;

import java.util.List;
import java.util.Map;

/// What stands behind `is`.
final class Tests {

    private static final NamedOperations<Object> ALL =
            new NamedOperations<>("test")
                    .add("defined()", (_, value, _) -> !(value instanceof Undefined))
                    .add("undefined()", (_, value, _) -> value instanceof Undefined)
                    .add("none()", (_, value, _) -> value == null)
                    .add("true()", (_, value, _) -> Boolean.TRUE.equals(value))
                    .add("false()", (_, value, _) -> Boolean.FALSE.equals(value))
                    .add("boolean()", (_, value, _) -> value instanceof Boolean)
                    .add("string()", (_, value, _) -> Values.isText(value))
                    .add("escaped()", (_, value, _) -> value instanceof Markup)
                    .add("number()", (_, value, _) -> Numbers.isNumber(value))
                    .add("integer()", (_, value, _) -> value instanceof Long)
                    .add("float()", (_, value, _) -> value instanceof Double)
                    .add("mapping()", (_, value, _) -> value instanceof Map)
                    .add(
                            "iterable()",
                            (_, value, _) ->
                                    isSequence(value)
                                            || value instanceof View
                                            || value instanceof Generator
                                            || value instanceof Loop.State)
                    .add("sequence()", (_, value, _) -> isSequence(value))
                    .add(
                            "callable()",
                            (_, value, _) ->
                                    value instanceof Function || value instanceof Undefined)
                    .add("lower()", (scope, value, _) -> isCase(scope, value, "islower"))
                    .add("upper()", (scope, value, _) -> isCase(scope, value, "isupper"))
                    .add("odd()", (scope, value, _) -> remainder(scope, value, 2L, 1L))
                    .add("even()", (scope, value, _) -> remainder(scope, value, 2L, 0L))
                    .add(
                            "divisibleby(num)",
                            (scope, value, given) -> remainder(scope, value, given.get("num"), 0L))
                    .add(
                            "filter()",
                            (_, value, _) -> value instanceof String name && Filters.exists(name))
                    .add("test()", (_, value, _) -> value instanceof String name && exists(name))
                    .add("sameas(other)", (_, value, given) -> isSame(value, given.get("other")))
                    .add(
                            "in(seq)",
                            (scope, value, given) ->
                                    Operators.contains(scope, given.get("seq"), value))
                    .add("eq(other)", comparison("=="))
                    .alias("eq", "equalto", "==")
                    .add("ne(other)", comparison("!="))
                    .alias("ne", "!=")
                    .add("lt(other)", comparison("<"))
                    .alias("lt", "lessthan", "<")
                    .add("le(other)", comparison("<="))
                    .alias("le", "<=")
                    .add("gt(other)", comparison(">"))
                    .alias("gt", "greaterthan", ">")
                    .add("ge(other)", comparison(">="))
                    .alias("ge", ">=");

    private Tests() {}

    /// Whether `value` is what the test `name` looks for.
    static boolean holds(Scope scope, String name, Object value, Arguments arguments) {
        return (Boolean) ALL.named(name).apply(scope, value, arguments);
    }

    private static boolean exists(String name) {
        return ALL.find(name).isPresent();
    }

    private static NamedOperations.Body<Object> comparison(String operator) {
        return (scope, value, given) ->
                Operators.compare(scope, operator, value, given.get("other"));
    }

    private static boolean isSequence(Object value) {
        return Values.isText(value)
                || value instanceof List
                || value instanceof Map
                || value instanceof Undefined;
    }

    private static boolean isCase(Scope scope, Object value, String method) {
        return (Boolean)
                TextMethods.ALL
                        .named(method)
                        .apply(scope, Values.text(scope, value), Arguments.NONE);
    }

    private static boolean remainder(Scope scope, Object value, Object divisor, Object expected) {
        return Operators.equal(scope, Operators.calculate(scope, "%", value, divisor), expected);
    }

    /// Whether both are the same object, as far as that does not depend on how Python keeps numbers and texts.
    @SuppressWarnings("ReferenceEquality") // which is what is asked for
    private static boolean isSame(Object left, Object right) {
        boolean byValue = Numbers.isNumber(left) || Values.isText(left);
        if (byValue && !(left instanceof Boolean) && Values.type(left).equals(Values.type(right))) {
            throw new TemplateException(
                    "'sameas' of two values of type '" + Values.type(left) + "'");
        }
        return left == right || (left instanceof Boolean && left.equals(right));
    }
}
