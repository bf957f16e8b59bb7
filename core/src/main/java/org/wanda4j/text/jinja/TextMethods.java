package org.wanda4j.text.jinja;

import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;

/// Python's methods of texts.
final class TextMethods {

    private static final String SECTION = "(sub, start=, end=, /)";
    private static final Set<Integer> NUMBERS =
            Set.of(
                    (int) Character.DECIMAL_DIGIT_NUMBER,
                    (int) Character.OTHER_NUMBER,
                    (int) Character.LETTER_NUMBER);

    static final NamedOperations<String> ALL =
            new NamedOperations<String>("method")
                    .add("upper()", (_, text, _) -> Texts.upper(text))
                    .add("lower()", (_, text, _) -> Texts.lower(text))
                    .add("casefold()", (_, text, _) -> Texts.lower(Texts.upper(text)))
                    .add("capitalize()", (_, text, _) -> Texts.capitalized(text))
                    .add("title()", (_, text, _) -> Texts.title(text))
                    .add("swapcase()", (_, text, _) -> Texts.caseSwapped(text))
                    .add("strip(chars=, /)", (_, text, given) -> strip(text, given, true, true))
                    .add("lstrip(chars=, /)", (_, text, given) -> strip(text, given, true, false))
                    .add("rstrip(chars=, /)", (_, text, given) -> strip(text, given, false, true))
                    .add("startswith" + SECTION, (_, text, given) -> borders(text, given, true))
                    .add("endswith" + SECTION, (_, text, given) -> borders(text, given, false))
                    .add("removeprefix(prefix, /)", TextMethods::withoutPrefix)
                    .add("removesuffix(suffix, /)", TextMethods::withoutSuffix)
                    .add("replace(old, new, count=, /)", TextMethods::replace)
                    .add("find" + SECTION, (scope, text, given) -> find(scope, text, given, false))
                    .add("rfind" + SECTION, (scope, text, given) -> find(scope, text, given, true))
                    .add(
                            "index" + SECTION,
                            (scope, text, given) -> found(find(scope, text, given, false)))
                    .add(
                            "rindex" + SECTION,
                            (scope, text, given) -> found(find(scope, text, given, true)))
                    .add("count" + SECTION, TextMethods::count)
                    .add(
                            "split(sep=, maxsplit=)",
                            (scope, text, given) -> Split.left(scope, text, given))
                    .add(
                            "rsplit(sep=, maxsplit=)",
                            (scope, text, given) -> Split.right(scope, text, given))
                    .add(
                            "splitlines(keepends=)",
                            (_, text, given) -> Texts.lines(text, given.isTrue("keepends")))
                    .add(
                            "partition(sep, /)",
                            (scope, text, given) -> Split.around(scope, text, given, false))
                    .add(
                            "rpartition(sep, /)",
                            (scope, text, given) -> Split.around(scope, text, given, true))
                    .add("join(iterable, /)", TextMethods::join)
                    .add("format(*)", StringFormat::braces)
                    .add(
                            "center(width, fillchar=, /)",
                            (scope, text, given) ->
                                    Texts.centered(
                                            scope, text, given.whole("width", 0), fill(given)))
                    .add(
                            "ljust(width, fillchar=, /)",
                            (scope, text, given) ->
                                    Texts.padded(scope, text, fill(given), 0, missing(text, given)))
                    .add(
                            "rjust(width, fillchar=, /)",
                            (scope, text, given) ->
                                    Texts.padded(scope, text, fill(given), missing(text, given), 0))
                    .add("zfill(width, /)", TextMethods::zeroFilled)
                    .add("expandtabs(tabsize=)", TextMethods::withoutTabs)
                    .add("isalpha()", (_, text, _) -> all(text, Character::isLetter))
                    .add("isdecimal()", (_, text, _) -> all(text, Character::isDigit))
                    .add("isdigit()", (_, text, _) -> all(text, TextMethods::isDigit))
                    .add("isalnum()", (_, text, _) -> all(text, TextMethods::isAlphanumeric))
                    .add("isspace()", (_, text, _) -> all(text, Texts::isSpace))
                    .add("isascii()", (_, text, _) -> text.chars().allMatch(c -> c < 128))
                    .add(
                            "isprintable()",
                            (_, text, _) -> text.codePoints().allMatch(Repr::isPrintable))
                    .add(
                            "islower()",
                            (_, text, _) -> isCased(text) && text.equals(Texts.lower(text)))
                    .add(
                            "isupper()",
                            (_, text, _) -> isCased(text) && text.equals(Texts.upper(text)))
                    .add(
                            "istitle()",
                            (_, text, _) -> isCased(text) && text.equals(Texts.title(text)));

    private TextMethods() {}

    private static boolean all(String text, IntPredicate holds) {
        return !text.isEmpty() && text.codePoints().allMatch(holds);
    }

    private static boolean isCased(String text) {
        return text.codePoints().anyMatch(Texts::isCased);
    }

    @SuppressWarnings("CharacterGetNumericValue") // of what are numbers, superscripts for instance
    private static boolean isDigit(int c) {
        return Character.isDigit(c)
                || (Character.getType(c) == Character.OTHER_NUMBER
                        && Character.getNumericValue(c) >= 0
                        && Character.getNumericValue(c) < 10);
    }

    static boolean isAlphanumeric(int c) {
        return Character.isLetter(c) || NUMBERS.contains(Character.getType(c));
    }

    private static String strip(String text, Arguments given, boolean left, boolean right) {
        if (given.get("chars") == null) {
            return Texts.strip(text, Texts::isSpace, left, right);
        }
        String characters = given.text("chars");
        return Texts.strip(text, c -> characters.indexOf(c) >= 0, left, right);
    }

    /// The part of `text` from character `start` to `end`, if it is one.
    private record Section(String text, int start, boolean exists) {

        static Section of(String text, Arguments given) {
            int length = Texts.length(text);
            long start = place(given.whole("start", 0), length);
            int end = (int) Math.min(place(given.whole("end", length), length), length);
            if (start > end) {
                return new Section("", 0, false);
            }
            int from = text.offsetByCodePoints(0, (int) start);
            int to = text.offsetByCodePoints(from, end - (int) start);
            return new Section(text.substring(from, to), (int) start, true);
        }

        private static long place(long bound, int length) {
            return bound < 0 ? Math.max(0, bound + length) : bound;
        }
    }

    private static boolean borders(String text, Arguments given, boolean atStart) {
        Section section = Section.of(text, given);
        List<?> parts =
                given.get("sub") instanceof Tuple tuple ? tuple : List.of(given.text("sub"));
        boolean borders = false;
        for (Object part : parts) {
            String border = Values.string(part);
            borders |=
                    atStart ? section.text().startsWith(border) : section.text().endsWith(border);
        }
        return borders && section.exists();
    }

    private static Object withoutPrefix(Scope scope, String text, Arguments given) {
        String prefix = given.text("prefix");
        return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
    }

    private static Object withoutSuffix(Scope scope, String text, Arguments given) {
        String suffix = given.text("suffix");
        return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
    }

    private static Object replace(Scope scope, String text, Arguments given) {
        return Texts.replaced(
                scope, text, given.text("old"), given.text("new"), given.whole("count", -1));
    }

    /// The character at which the argument stands, or -1.
    private static long find(Scope scope, String text, Arguments given, boolean last) {
        Section section = Section.of(text, given);
        String part = given.text("sub");
        Values.chargeSearch(scope, text, part);
        int at = last ? section.text().lastIndexOf(part) : section.text().indexOf(part);
        return at < 0 || !section.exists()
                ? -1
                : section.start() + section.text().codePointCount(0, at);
    }

    private static long found(long place) {
        if (place < 0) {
            throw new TemplateException("a part of a text is not found");
        }
        return place;
    }

    private static Object count(Scope scope, String text, Arguments given) {
        Section section = Section.of(text, given);
        String part = given.text("sub");
        Values.chargeSearch(scope, text, part);
        if (part.isEmpty()) {
            return section.exists() ? Texts.length(section.text()) + 1L : 0L;
        }
        long count = 0;
        for (int at = section.text().indexOf(part);
                at >= 0;
                at = section.text().indexOf(part, at + part.length())) {
            count++;
        }
        return count;
    }

    private static Object join(Scope scope, String text, Arguments given) {
        List<Object> items = Values.items(given.get("iterable"));
        items.forEach(Values::string);
        return Texts.joined(scope, items, text);
    }

    private static String fill(Arguments given) {
        String fill = given.text("fillchar", " ");
        if (Texts.length(fill) != 1) {
            throw new TemplateException("'fillchar' must be one character");
        }
        return fill;
    }

    private static long missing(String text, Arguments given) {
        return given.whole("width", 0) - Texts.length(text);
    }

    private static Object zeroFilled(Scope scope, String text, Arguments given) {
        int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
        return text.substring(0, sign)
                + Texts.padded(scope, text.substring(sign), "0", missing(text, given), 0);
    }

    private static Object withoutTabs(Scope scope, String text, Arguments given) {
        long size = given.whole("tabsize", 8);
        var out = new Output(scope.work());
        long column = 0;
        for (int c : text.codePoints().toArray()) {
            if (c == '\t') {
                long width = size > 0 ? size - column % size : 0;
                out.append(Texts.repeated(scope, " ", width));
                column += width;
            } else {
                out.append(Character.toString(c));
                column = c == '\n' || c == '\r' ? 0 : column + 1;
            }
        }
        return out.toString();
    }
}
