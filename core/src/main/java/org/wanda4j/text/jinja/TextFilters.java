package org.wanda4j.text.jinja;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Filters that make texts.
final class TextFilters {

    private static final Pattern WORD =
            Pattern.compile("([^-\\s({\\[<])([^-\\s({\\[<]*)", Pattern.UNICODE_CHARACTER_CLASS);

    private TextFilters() {}

    static void addTo(NamedOperations<Object> filters) {
        filters.add("upper()", (scope, value, _) -> mapped(scope, value, Texts::upper))
                .add("lower()", (scope, value, _) -> mapped(scope, value, Texts::lower))
                .add("capitalize()", (scope, value, _) -> mapped(scope, value, Texts::capitalized))
                .add("title()", (scope, value, _) -> mapped(scope, value, TextFilters::title))
                .add("trim(chars=)", TextFilters::trim)
                .add(
                        "string()",
                        (scope, value, _) ->
                                value instanceof Markup ? value : Values.text(scope, value))
                .add("safe()", (scope, value, _) -> new Markup(Values.text(scope, value)))
                .add("escape()", (scope, value, _) -> Markup.escaped(scope, value))
                .alias("escape", "e")
                .add("forceescape()", (scope, value, _) -> Markup.forced(Values.text(scope, value)))
                .add("replace(old, new, count=)", TextFilters::replace)
                .add("indent(width=, first=, blank=)", TextFilters::indent)
                .add("format(*)", TextFilters::format)
                .add(
                        "center(width=)",
                        (scope, value, given) ->
                                Texts.centered(
                                        scope, plain(scope, value), given.whole("width", 80), " "))
                .add("truncate(length=, killwords=, end=, leeway=)", TextFilters::truncate)
                .add("wordcount()", (scope, value, _) -> wordCount(Values.text(scope, value)))
                .add("urlencode()", TextFilters::urlEncode);
    }

    /// As a text that is not marked as safe.
    private static String plain(Scope scope, Object value) {
        if (value instanceof Markup) {
            throw new TemplateException("a filter of a text marked as safe is not supported");
        }
        return Values.text(scope, value);
    }

    private static Object mapped(Scope scope, Object value, UnaryOperator<String> change) {
        String changed = change.apply(Values.text(scope, value));
        return value instanceof Markup ? new Markup(changed) : changed;
    }

    private static Object trim(Scope scope, Object value, Arguments given) {
        Arguments characters =
                given.get("chars") == null
                        ? Arguments.NONE
                        : new Arguments(List.of(given.get("chars")), Map.of());
        return mapped(
                scope,
                value,
                text -> (String) TextMethods.ALL.named("strip").apply(scope, text, characters));
    }

    private static String title(String text) {
        return WORD.matcher(text)
                .replaceAll(word ->
                        Matcher.quoteReplacement(
                                Texts.upper(word.group(1)) + Texts.lower(word.group(2))));
    }

    private static Object replace(Scope scope, Object value, Arguments given) {
        return Texts.replaced(
                scope,
                plain(scope, value),
                plain(scope, given.get("old")),
                plain(scope, given.get("new")),
                given.whole("count", -1));
    }

    /// Moves every line but the first to the right; empty lines stay empty, unless `blank`.
    private static Object indent(Scope scope, Object value, Arguments given) {
        String margin =
                given.get("width", 4L) instanceof String text
                        ? text
                        : Texts.repeated(scope, " ", Numbers.whole(given.get("width", 4L)));
        boolean blank = given.isTrue("blank");
        if (value instanceof Markup) {
            plain(scope, value);
        }
        List<Object> lines = Texts.lines(Values.string(value) + "\n", false);
        var out = new Output(scope.work()).append(given.isTrue("first") ? margin : "");
        out.append((String) lines.getFirst());
        for (Object line : lines.subList(1, lines.size())) {
            out.append("\n").append(line.equals("") && !blank ? "" : margin).append((String) line);
        }
        return out.toString();
    }

    private static Object format(Scope scope, Object value, Arguments given) {
        if (given.count() > 0 && !given.named().isEmpty()) {
            throw new TemplateException("'format' takes values by place or by name, not both");
        }
        return StringFormat.percent(
                scope,
                plain(scope, value),
                given.named().isEmpty() ? Tuple.of(given.positional()) : given.named());
    }

    private static Object truncate(Scope scope, Object value, Arguments given) {
        String text = Values.string(value);
        String end = given.text("end", "...");
        long length = given.whole("length", 255);
        long leeway = given.whole("leeway", 5);
        long kept = length - Texts.length(end);
        if (kept < 0 || leeway < 0) {
            throw new TemplateException("'truncate' to less than its end");
        }
        if (Texts.length(text) <= length + leeway) {
            return text;
        }
        String cut = text.substring(0, text.offsetByCodePoints(0, (int) kept));
        int space = cut.lastIndexOf(' ');
        return (given.isTrue("killwords") || space < 0 ? cut : cut.substring(0, space)) + end;
    }

    private static long wordCount(String text) {
        long count = 0;
        boolean inside = false;
        for (int c : text.codePoints().toArray()) {
            boolean word = c == '_' || TextMethods.isAlphanumeric(c);
            count += word && !inside ? 1 : 0;
            inside = word;
        }
        return count;
    }

    /// A text, or a query of pairs.
    private static Object urlEncode(Scope scope, Object value, Arguments given) {
        if (value instanceof Map<?, ?> || value instanceof List<?> || value instanceof View) {
            List<Object> pairs = new ArrayList<>();
            for (Object pair :
                    value instanceof Map<?, ?> map
                            ? BuiltinMethods.entries(map)
                            : Values.items(value)) {
                List<Object> both = Values.items(pair);
                if (both.size() != 2) {
                    throw new TemplateException("'urlencode' takes pairs");
                }
                pairs.add(query(scope, both.getFirst()) + "=" + query(scope, both.getLast()));
            }
            return Texts.joined(scope, pairs, "&");
        }
        return quoted(Values.text(scope, value), "/");
    }

    private static String query(Scope scope, Object value) {
        return quoted(Values.text(scope, value), "").replace("%20", "+");
    }

    private static String quoted(String text, String safe) {
        var quoted = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            boolean stays =
                    c < 128 && (Character.isLetterOrDigit(c) || ("_.-~" + safe).indexOf(c) >= 0);
            quoted.append(stays ? String.valueOf(c) : "%%%02X".formatted((int) c));
        }
        return quoted.toString();
    }
}
