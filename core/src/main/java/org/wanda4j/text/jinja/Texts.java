package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;

/// What Python does with characters and lines. A character is a code point; of a place in a text it says so.
public final class Texts {

    private Texts() {}

    /// What Python takes for white space.
    static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    /// `text` without the white space at its ends.
    public static String strip(String text) {
        return strip(text, Texts::isSpace, true, true);
    }

    /// `text` without the characters at its ends that `goes` says.
    static String strip(String text, IntPredicate goes, boolean left, boolean right) {
        int from = 0;
        int to = text.length();
        while (left && from < to && goes.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        while (right && to > from && goes.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(from, to);
    }

    /// Lines as Python's `splitlines` cuts them.
    static List<Object> lines(String text, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < text.length(); i++) {
            if (endsLine(text.charAt(i))) {
                int end = i;
                i += text.startsWith("\r\n", i) ? 1 : 0;
                lines.add(text.substring(from, keepEnds ? i + 1 : end));
                from = i + 1;
            }
        }
        if (from < text.length()) {
            lines.add(text.substring(from));
        }
        return lines;
    }

    private static boolean endsLine(char c) {
        return (c >= '\n' && c <= '\r')
                || (c >= 0x1c && c <= 0x1e)
                || c == 0x85
                || c == 0x2028
                || c == 0x2029;
    }

    static String upper(String text) {
        return text.toUpperCase(Locale.ROOT);
    }

    static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    static String capitalized(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int second = text.offsetByCodePoints(0, 1);
        return titleCase(text.codePointAt(0)) + lower(text.substring(second));
    }

    /// Python's `title`: the first letter of each run of letters is a capital.
    static String title(String text) {
        var title = new StringBuilder();
        boolean inside = false;
        for (int c : text.codePoints().toArray()) {
            title.append(inside ? lower(Character.toString(c)) : titleCase(c));
            inside = isCased(c);
        }
        return title.toString();
    }

    private static String titleCase(int c) {
        String upper = upper(Character.toString(c));
        int first = Character.charCount(upper.codePointAt(0));
        return upper.length() > first // as of a ligature
                ? upper.substring(0, first) + lower(upper.substring(first))
                : Character.toString(Character.toTitleCase(c));
    }

    static boolean isCased(int c) {
        return Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c);
    }

    static String caseSwapped(String text) {
        return text.codePoints()
                .mapToObj(c ->
                        Character.isUpperCase(c)
                                ? lower(Character.toString(c))
                                : upper(Character.toString(c)))
                .collect(Collectors.joining());
    }

    /// How many characters.
    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /// By characters.
    static int compare(String left, String right) {
        int at = 0;
        int shorter = Math.min(left.length(), right.length());
        while (at < shorter && left.charAt(at) == right.charAt(at)) {
            at++;
        }
        if (at == shorter) {
            return Integer.compare(left.length(), right.length());
        }
        boolean inPair = at > 0 && Character.isHighSurrogate(left.charAt(at - 1));
        int from = inPair ? at - 1 : at;
        return Integer.compare(left.codePointAt(from), right.codePointAt(from));
    }

    /// `text`, `times` times.
    static String repeated(Scope scope, String text, long times) {
        var repeated = new Output(scope.work());
        for (long i = 0; i < times && !text.isEmpty(); i++) {
            scope.work().charge(1);
            repeated.append(text);
        }
        return repeated.toString();
    }

    /// `text` with `left` and `right` times `fill` around it.
    static String padded(Scope scope, String text, String fill, long left, long right) {
        return repeated(scope, fill, left) + text + repeated(scope, fill, right);
    }

    /// As Python's `center`.
    static String centered(Scope scope, String text, long width, String fill) {
        long missing = Math.max(0, width - length(text));
        long left = missing / 2 + (missing & width & 1);
        return padded(scope, text, fill, left, missing - left);
    }

    /// `text` with `replacement` for the first `most` of `old`; for all of them where `most` is negative.
    static String replaced(Scope scope, String text, String old, String replacement, long most) {
        Values.chargeSearch(scope, text, old);
        var out = new Output(scope.work());
        long left = most;
        int from = 0;
        int at = text.indexOf(old);
        while (at >= 0 && left != 0) {
            out.append(text.substring(from, at)).append(replacement);
            left--;
            from = at + old.length();
            if (old.isEmpty() && from == text.length()) {
                break;
            }
            at = old.isEmpty() ? text.offsetByCodePoints(at, 1) : text.indexOf(old, from);
        }
        return out.append(text.substring(from)).toString();
    }

    static String joined(Scope scope, Iterable<Object> items, String separator) {
        var out = new Output(scope.work());
        String before = "";
        for (Object item : items) {
            out.append(before).append(Values.text(scope, item));
            before = separator;
        }
        return out.toString();
    }
}
