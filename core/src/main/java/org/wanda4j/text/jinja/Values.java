package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/// Operations that every value of a template has: size, type, truth, text, items.
final class Values {

    private Values() {}

    /// `value`, once its size has been charged.
    static Object charged(Scope scope, Object value) {
        scope.work()
                .charge(
                        1
                                + switch (value) {
                                    case String text -> text.length();
                                    case Markup(String text) -> text.length();
                                    case Range _ -> 0;
                                    case List<?> list -> WorkLimit.ITEM * (long) list.size();
                                    case View view -> WorkLimit.ITEM * (long) view.items().size();
                                    case Map<?, ?> map -> WorkLimit.ITEM * (long) map.size();
                                    case null, default -> 0;
                                });
        return value;
    }

    /// Charges what looking for every `part` of `text` may cost.
    static void chargeSearch(Scope scope, String text, String part) {
        scope.work().charge(text.length() * (1L + part.length() / 8));
    }

    /// What Python calls its type.
    static String type(Object value) {
        return switch (value) {
            case null -> "NoneType";
            case String _ -> "str";
            case Markup _ -> "Markup";
            case Boolean _ -> "bool";
            case Long _ -> "int";
            case Double _ -> "float";
            case Tuple _ -> "tuple";
            case Range _ -> "range";
            case List<?> _ -> "list";
            case Map<?, ?> _ -> "dict";
            case View view -> view.type();
            case Undefined _ -> "Undefined";
            case Generator _ -> "generator";
            case Function _ -> "function";
            default -> "object";
        };
    }

    static boolean isText(Object value) {
        return value instanceof String || value instanceof Markup;
    }

    static boolean isTrue(Object value) {
        return switch (value) {
            case null -> false;
            case Boolean truth -> truth;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case String text -> !text.isEmpty();
            case Markup(String text) -> !text.isEmpty();
            case List<?> list -> !list.isEmpty();
            case View view -> !view.items().isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case Undefined _ -> false;
            default -> true;
        };
    }

    /// As Python's `str` gives it.
    static String text(Scope scope, Object value) {
        return switch (value) {
            case String text -> text;
            case Markup(String text) -> text;
            case Undefined _ -> "";
            case null, default -> {
                var output = new Output(scope.work());
                Repr.write(value, output);
                yield output.toString();
            }
        };
    }

    /// `value`, which must be a text.
    static String string(Object value) {
        return switch (value) {
            case String text -> text;
            case Undefined undefined -> throw undefined.error();
            case null, default ->
                    throw new TemplateException("a text is needed, not " + type(value));
        };
    }

    /// What a loop goes through: characters of a text, keys of a map.
    static Iterator<Object> iterator(Object value) {
        return switch (value) {
            case List<?> list -> Collections.<Object>unmodifiableList(list).iterator();
            case View view -> view.items().iterator();
            case Map<?, ?> map -> Collections.<Object>unmodifiableSet(map.keySet()).iterator();
            case String text -> text.codePoints().<Object>mapToObj(Character::toString).iterator();
            case Markup(String text) -> iterator(text);
            case Generator generator -> generator.items();
            case Undefined _ -> Collections.emptyIterator();
            case null, default ->
                    throw new TemplateException("'" + type(value) + "' object is not iterable");
        };
    }

    /// All of what a loop goes through.
    static List<Object> items(Object value) {
        if (value instanceof List<?> list) {
            return Collections.unmodifiableList(list);
        }
        List<Object> items = new ArrayList<>();
        iterator(value).forEachRemaining(items::add);
        return items;
    }

    /// How many items, or characters, `value` has.
    static long length(Object value) {
        return switch (value) {
            case String text -> text.codePointCount(0, text.length());
            case Markup(String text) -> length(text);
            case List<?> list -> list.size();
            case Map<?, ?> map -> map.size();
            case View view -> view.items().size();
            case Loop.State loop -> loop.length();
            case Undefined _ -> 0;
            case null, default ->
                    throw new TemplateException("'" + type(value) + "' object has no length");
        };
    }

    static boolean isHashable(Object value) {
        return value instanceof Tuple
                || value instanceof Range
                || !(value instanceof List || value instanceof Map || value instanceof View);
    }

    /// `value` as a key of a map: Python's 1, 1.0 and True are the same.
    static Object key(Object value) {
        if (!isHashable(value)) {
            throw new TemplateException("unhashable type: '" + type(value) + "'");
        }
        return switch (value) {
            case Boolean truth -> truth ? 1L : 0L;
            case Double number when number == number.longValue() -> number.longValue();
            case Markup(String text) -> text;
            case null, default -> value;
        };
    }

    /// `value` as a key that a map keeps, and shows.
    static Object keptKey(Object value) {
        Object key = key(value);
        if (key instanceof Long && !(value instanceof Long)) {
            throw new TemplateException("a key of type '" + type(value) + "' is not supported");
        }
        return key;
    }
}
