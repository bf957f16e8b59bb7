package org.wanda4j.text.jinja;

import java.util.List;
import java.util.Map;

/// Values as text, in one of the two ways that Python has.
///
/// @param none how it writes none
/// @param yes how it writes true
/// @param no how it writes false
/// @param quote around a text
record Json(String none, String yes, String no, char quote) {

    /// As `json.dumps(value, ensure_ascii=False)`.
    static final Json JSON = new Json("null", "true", "false", '"');

    /// As `str(value)` for what is no text.
    static final Json PYTHON = new Json("None", "True", "False", '\'');

    /// Writes `value` in one line.
    void write(Object value, Output out) {
        write(value, "", "", out);
    }

    /// Writes `value` with `indent` more before the items of each level, each in a line of its own.
    ///
    /// @param indent empty for one line
    /// @param margin what stands before a line of this level
    void write(Object value, String indent, String margin, Output out) {
        switch (value) {
            case null -> out.append(none);
            case Boolean truth -> out.append(truth ? yes : no);
            case String text -> quote(text, out);
            case List<?> list -> {
                String separator = "";
                out.append("[");
                for (Object item : list) {
                    next(separator, indent, margin, out);
                    write(item, indent, margin + indent, out);
                    separator = separator(indent);
                }
                end(list.isEmpty(), indent, margin, out).append("]");
            }
            case Map<?, ?> map -> {
                String separator = "";
                out.append("{");
                for (var entry : map.entrySet()) {
                    next(separator, indent, margin, out);
                    write(entry.getKey(), indent, margin, out);
                    out.append(": ");
                    write(entry.getValue(), indent, margin + indent, out);
                    separator = separator(indent);
                }
                end(map.isEmpty(), indent, margin, out).append("}");
            }
            case Undefined undefined -> throw undefined.error();
            case Function _ -> throw new TemplateException("a function is written out");
            default -> out.append(value.toString());
        }
    }

    private static String separator(String indent) {
        return indent.isEmpty() ? ", " : ",";
    }

    private static void next(String separator, String indent, String margin, Output out) {
        out.append(separator);
        if (!indent.isEmpty()) {
            out.append("\n").append(margin).append(indent);
        }
    }

    private static Output end(boolean empty, String indent, String margin, Output out) {
        return indent.isEmpty() || empty ? out : out.append("\n").append(margin);
    }

    private void quote(String text, Output out) {
        char mark = quote == '\'' && text.contains("'") && !text.contains("\"") ? '"' : quote;
        var quoted = new StringBuilder().append(mark);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '\n' -> quoted.append("\\n");
                case '\t' -> quoted.append("\\t");
                case '\r' -> quoted.append("\\r");
                case '\\' -> quoted.append("\\\\");
                default -> {
                    if (c == mark) {
                        quoted.append('\\').append(c);
                    } else if (c < ' ') {
                        quoted.append(
                                quote == '"'
                                        ? "\\u%04x".formatted((int) c)
                                        : "\\x%02x".formatted((int) c));
                    } else {
                        quoted.append(c);
                    }
                }
            }
        }
        out.append(quoted.append(mark).toString());
    }
}
