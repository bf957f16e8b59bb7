package org.wanda4j.text.jinja;

import java.util.List;
import java.util.Map;

/// Values as Python's `repr` writes them.
final class Repr {

    private Repr() {}

    static void write(Object value, Output out) {
        switch (value) {
            case null -> out.append("None");
            case Boolean truth -> out.append(truth ? "True" : "False");
            case String text -> quote(text, out);
            case Markup(String text) -> {
                out.append("Markup(");
                quote(text, out);
                out.append(")");
            }
            case Double number -> out.append(Numbers.text(number));
            case Long number -> out.append(number.toString());
            case Tuple tuple -> writeAll("(", tuple, tuple.size() == 1 ? ",)" : ")", out);
            case Range range -> out.append(range.text());
            case List<?> list -> writeAll("[", list, "]", out);
            case View view -> writeAll(view.type() + "([", view.items(), "])", out);
            case Map<?, ?> map -> writeMap(map, out);
            case Globals.Namespace namespace -> {
                out.append("<Namespace ");
                writeMap(namespace.values(), out);
                out.append(">");
            }
            case Macro macro -> out.append("<Macro '" + macro.name() + "'>");
            case Undefined _ -> out.append("Undefined");
            default ->
                    throw new TemplateException(
                            "a value of type '" + Values.type(value) + "' is written out");
        }
    }

    private static void writeAll(String begin, List<?> items, String end, Output out) {
        String before = begin;
        for (Object item : items) {
            out.append(before);
            write(item, out);
            before = ", ";
        }
        out.append(items.isEmpty() ? begin : "").append(end);
    }

    private static void writeMap(Map<?, ?> map, Output out) {
        String before = "{";
        for (var entry : map.entrySet()) {
            out.append(before);
            write(entry.getKey(), out);
            out.append(": ");
            write(entry.getValue(), out);
            before = ", ";
        }
        out.append(map.isEmpty() ? "{}" : "}");
    }

    private static void quote(String text, Output out) {
        char mark = text.contains("'") && !text.contains("\"") ? '"' : '\'';
        var quoted = new StringBuilder().append(mark);
        text.codePoints()
                .forEach(c -> {
                    switch (c) {
                        case '\n' -> quoted.append("\\n");
                        case '\t' -> quoted.append("\\t");
                        case '\r' -> quoted.append("\\r");
                        case '\\' -> quoted.append("\\\\");
                        default -> {
                            if (c == mark) {
                                quoted.append('\\').append(mark);
                            } else if (isPrintable(c)) {
                                quoted.appendCodePoint(c);
                            } else {
                                String escape =
                                        c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
                                quoted.append(escape.formatted(c));
                            }
                        }
                    }
                });
        out.append(quoted.append(mark).toString());
    }

    /// Whether Python shows the character as it is.
    static boolean isPrintable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR ->
                    false;
            case Character.SPACE_SEPARATOR -> c == ' ';
            default -> true;
        };
    }
}
