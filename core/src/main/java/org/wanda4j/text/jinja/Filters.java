package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What stands behind `|`.
final class Filters {

    /// One of them.
    interface Filter {
        Object apply(Scope scope, Object value, Arguments arguments);
    }

    private static final Map<String, Filter> ALL = new HashMap<>();

    static {
        ALL.put("trim", (scope, value, arguments) -> method(scope, value, "strip", arguments));
        ALL.put("upper", (scope, value, _) -> Values.text(scope, value).toUpperCase(Locale.ROOT));
        ALL.put("lower", (scope, value, _) -> Values.text(scope, value).toLowerCase(Locale.ROOT));
        ALL.put("capitalize", (scope, value, _) -> capitalized(Values.text(scope, value)));
        ALL.put("title", (scope, value, _) -> title(Values.text(scope, value)));
        ALL.put("replace", Filters::replace);
        ALL.put("string", (scope, value, _) -> Values.text(scope, value));
        ALL.put("safe", (_, value, _) -> value);
        ALL.put("tojson", Filters::toJson);
        ALL.put("indent", Filters::indent);
        ALL.put("length", (_, value, _) -> length(value));
        ALL.put("count", (_, value, _) -> length(value));
        ALL.put("first", (scope, value, _) -> Values.item(scope, Values.items(value), 0L));
        ALL.put("last", (scope, value, _) -> Values.item(scope, Values.items(value), -1L));
        ALL.put("list", (_, value, _) -> new ArrayList<>(Values.items(value)));
        ALL.put("reverse", (_, value, _) -> Values.slice(value, null, null, -1L));
        ALL.put(
                "sort",
                (scope, value, _) ->
                        Values.items(value).stream()
                                .sorted((left, right) -> Values.order(scope, left, right))
                                .toList());
        ALL.put("items", (_, value, _) -> entries(value));
        ALL.put(
                "join",
                (scope, value, arguments) ->
                        join(
                                scope,
                                Values.items(value),
                                Values.text(scope, arguments.get(0, "d", ""))));
        ALL.put("default", Filters::orDefault);
        ALL.put("d", Filters::orDefault);
        ALL.put("abs", (_, value, _) -> absolute(value));
        ALL.put("int", (_, value, arguments) -> toWhole(value, arguments));
        ALL.put("map", Filters::map);
        ALL.put("select", (scope, value, arguments) -> select(scope, value, arguments, true));
        ALL.put("reject", (scope, value, arguments) -> select(scope, value, arguments, false));
        ALL.put("selectattr", (scope, value, arguments) -> selectBy(scope, value, arguments, true));
        ALL.put(
                "rejectattr",
                (scope, value, arguments) -> selectBy(scope, value, arguments, false));
    }

    private Filters() {}

    static Filter named(String name) {
        Filter filter = ALL.get(name);
        if (filter == null) {
            throw new TemplateException("there is no filter '" + name + "' here");
        }
        return filter;
    }

    private static Object method(Scope scope, Object value, String name, Arguments arguments) {
        return Methods.of(Values.text(scope, value), name).call(scope, arguments);
    }

    private static String capitalized(String text) {
        return text.isEmpty()
                ? text
                : text.substring(0, 1).toUpperCase(Locale.ROOT)
                        + text.substring(1).toLowerCase(Locale.ROOT);
    }

    private static String title(String text) {
        var title = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            title.append(inside ? Character.toLowerCase(c) : Character.toTitleCase(c));
            inside = Character.isLetter(c);
        }
        return title.toString();
    }

    private static Object replace(Scope scope, Object value, Arguments arguments) {
        String text = Values.text(scope, value);
        String old = arguments.text(0);
        String replacement = arguments.text(1);
        long left = Values.whole(arguments.get(2, "count", -1L));
        if (old.isEmpty()) {
            throw new TemplateException("an empty text is replaced");
        }
        Values.chargeSearch(scope, text, old);
        var out = new Output(scope.budget());
        int from = 0;
        for (int at = text.indexOf(old); at >= 0 && left != 0; at = text.indexOf(old, from)) {
            out.append(text.substring(from, at)).append(replacement);
            from = at + old.length();
            left--;
        }
        return out.append(text.substring(from)).toString();
    }

    private static Object toJson(Scope scope, Object value, Arguments arguments) {
        Object indent = arguments.get(1, "indent", null);
        var out = new Output(scope.budget());
        int width = indent == null ? 0 : Math.clamp(Values.whole(indent), 0, 16);
        Json.JSON.write(value, " ".repeat(width), "", out);
        return out.toString();
    }

    /// Moves every line but the first to the right; empty lines stay empty.
    private static Object indent(Scope scope, Object value, Arguments arguments) {
        int width = Math.clamp(Values.whole(arguments.get(0, "width", 4L)), 0, 100);
        boolean first = Values.isTrue(arguments.get(1, "first", false));
        var out = new Output(scope.budget());
        String[] lines = Values.text(scope, value).split("\n", -1);
        for (int i = 0; i < lines.length; i++) {
            out.append(i == 0 ? "" : "\n");
            out.append((i == 0 && !first) || lines[i].isEmpty() ? "" : " ".repeat(width));
            out.append(lines[i]);
        }
        return out.toString();
    }

    private static long length(Object value) {
        return value instanceof String text
                ? text.codePointCount(0, text.length())
                : Values.items(value).size();
    }

    private static List<Object> entries(Object value) {
        if (!(value instanceof Map<?, ?> map)) {
            throw new TemplateException("items of something that is no map");
        }
        List<Object> entries = new ArrayList<>();
        for (var entry : map.entrySet()) {
            List<Object> pair = new ArrayList<>();
            pair.add(entry.getKey());
            pair.add(entry.getValue());
            entries.add(pair);
        }
        return entries;
    }

    static String join(Scope scope, List<Object> items, String separator) {
        var out = new Output(scope.budget());
        for (int i = 0; i < items.size(); i++) {
            out.append(i == 0 ? "" : separator).append(Values.text(scope, items.get(i)));
        }
        return out.toString();
    }

    private static Object orDefault(Scope scope, Object value, Arguments arguments) {
        boolean emptyToo = Values.isTrue(arguments.get(1, "boolean", false));
        boolean absent = value instanceof Undefined || (emptyToo && !Values.isTrue(value));
        return absent ? arguments.get(0, "default_value", "") : value;
    }

    private static Object absolute(Object value) {
        return value instanceof Double number
                ? (Object) Math.abs(number)
                : (Object) Math.abs(Values.whole(value));
    }

    private static long toWhole(Object value, Arguments arguments) {
        try {
            return switch (value) {
                case String text -> Long.parseLong(text.strip());
                case Double number -> number.longValue();
                case null, default -> Values.whole(value);
            };
        } catch (NumberFormatException e) {
            return Values.whole(arguments.get(0, "default", 0L));
        }
    }

    /// `map('filter')`, or `map(attribute='name')`.
    private static Object map(Scope scope, Object value, Arguments arguments) {
        List<Object> mapped = new ArrayList<>();
        for (Object item : Values.items(value)) {
            scope.budget().charge(1);
            mapped.add(
                    arguments.named().get("attribute") instanceof String attribute
                            ? Values.item(scope, item, attribute)
                            : named(arguments.text(0)).apply(scope, item, rest(arguments, 1)));
        }
        return mapped;
    }

    private static Object select(Scope scope, Object value, Arguments arguments, boolean wanted) {
        List<Object> selected = new ArrayList<>();
        for (Object item : Values.items(value)) {
            scope.budget().charge(1);
            boolean holds =
                    arguments.count() == 0
                            ? Values.isTrue(item)
                            : Tests.named(arguments.text(0)).holds(scope, item, rest(arguments, 1));
            if (holds == wanted) {
                selected.add(item);
            }
        }
        return selected;
    }

    /// `selectattr('name', 'test', argument)`
    private static Object selectBy(Scope scope, Object value, Arguments arguments, boolean wanted) {
        List<Object> selected = new ArrayList<>();
        for (Object item : Values.items(value)) {
            scope.budget().charge(1);
            Object attribute = Values.item(scope, item, arguments.text(0));
            boolean holds =
                    arguments.count() == 1
                            ? Values.isTrue(attribute)
                            : Tests.named(arguments.text(1))
                                    .holds(scope, attribute, rest(arguments, 2));
            if (holds == wanted) {
                selected.add(item);
            }
        }
        return selected;
    }

    private static Arguments rest(Arguments arguments, int from) {
        return new Arguments(
                arguments.positional().subList(from, arguments.count()), arguments.named());
    }
}
