package org.wanda4j.text.jinja;

import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/// Values as Python's `json.dumps` writes them.
///
/// @param asciiOnly        whether other characters are escaped
/// @param indent           what each level stands further to the right by; null for one line
/// @param itemSeparator    between items
/// @param keySeparator     behind a key
/// @param sortKeys         whether maps are written in the order of their keys
record JsonFilter(
        boolean asciiOnly,
        String indent,
        String itemSeparator,
        String keySeparator,
        boolean sortKeys) {

    /// The filter `tojson` as transformers defines it: `(ensure_ascii=, indent=, separators=, sort_keys=)`.
    static Object filter(Scope scope, Object value, Arguments arguments) {
        String indent =
                switch (arguments.get("indent")) {
                    case null -> null;
                    case String text -> text;
                    case Object width -> Texts.repeated(scope, " ", Numbers.whole(width));
                };
        List<Object> separators =
                arguments.get("separators") == null
                        ? List.of(indent == null ? ", " : ",", ": ")
                        : Values.items(arguments.get("separators"));
        if (separators.size() != 2) {
            throw new TemplateException("'tojson' takes two separators");
        }
        var json =
                new JsonFilter(
                        arguments.isTrue("ensure_ascii"),
                        indent,
                        Values.string(separators.getFirst()),
                        Values.string(separators.getLast()),
                        arguments.isTrue("sort_keys"));
        var out = new Output(scope.work());
        json.write(scope, value, "\n", out);
        return out.toString();
    }

    /// @param lineEnd with what stands before a line of this level
    private void write(Scope scope, Object value, String lineEnd, Output out) {
        switch (value) {
            case null -> out.append("null");
            case Boolean truth -> out.append(truth ? "true" : "false");
            case String text -> quote(text, out);
            case Markup(String text) -> quote(text, out);
            case Long number -> out.append(number.toString());
            case Double number -> out.append(number(number));
            case Range _ -> throw error(value);
            case List<?> list ->
                    writeAll(
                            "[",
                            list,
                            "]",
                            lineEnd,
                            out,
                            (item, inner) -> write(scope, item, inner, out));
            case Map<?, ?> map ->
                    writeAll(
                            "{",
                            entries(scope, map),
                            "}",
                            lineEnd,
                            out,
                            (entry, inner) -> {
                                quote(key(entry.getKey()), out);
                                out.append(keySeparator);
                                write(scope, entry.getValue(), inner, out);
                            });
            default -> throw error(value);
        }
    }

    private interface Item<T> {
        void write(T item, String lineEnd);
    }

    private <T> void writeAll(
            String begin, List<T> items, String end, String lineEnd, Output out, Item<T> each) {
        out.append(begin);
        String inner = lineEnd + indent;
        for (Iterator<T> rest = items.iterator(); rest.hasNext(); ) {
            out.append(indent == null ? "" : inner);
            each.write(rest.next(), inner);
            out.append(rest.hasNext() ? itemSeparator : "");
        }
        out.append(indent == null || items.isEmpty() ? "" : lineEnd).append(end);
    }

    private List<Map.Entry<?, ?>> entries(Scope scope, Map<?, ?> map) {
        Comparator<Map.Entry<?, ?>> byKey =
                (left, right) -> Operators.order(scope, left.getKey(), right.getKey());
        return map.entrySet().stream()
                .<Map.Entry<?, ?>>map(entry -> entry)
                .sorted(sortKeys ? byKey : (_, _) -> 0)
                .toList();
    }

    private static String key(Object key) {
        return switch (key) {
            case null -> "null";
            case String text -> text;
            case Long number -> number.toString();
            case Double number -> number(number);
            default ->
                    throw new TemplateException(
                            "JSON has no keys of type '" + Values.type(key) + "'");
        };
    }

    private static String number(double number) {
        return Double.isNaN(number)
                ? "NaN"
                : Double.isInfinite(number)
                        ? (number > 0 ? "Infinity" : "-Infinity")
                        : Numbers.text(number);
    }

    private static TemplateException error(Object value) {
        return value instanceof Undefined undefined
                ? undefined.error()
                : new TemplateException(
                        "'tojson' cannot write a value of type '" + Values.type(value) + "'");
    }

    private void quote(String text, Output out) {
        var quoted = new StringBuilder().append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> quoted.append("\\\"");
                case '\\' -> quoted.append("\\\\");
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                case '\f' -> quoted.append("\\f");
                case '\b' -> quoted.append("\\b");
                default -> {
                    if (c < ' ' || (asciiOnly && c > '~')) {
                        quoted.append("\\u%04x".formatted((int) c));
                    } else {
                        quoted.append(c);
                    }
                }
            }
        }
        out.append(quoted.append('"').toString());
    }
}
