package org.wanda4j.text.jinja;

import java.util.ArrayList;
import java.util.List;

/// Cuts texts into lists, as Python's `split`, `rsplit`, `partition` and `rpartition`.
final class Split {

    private Split() {}

    static List<Object> left(Scope scope, String text, Arguments given) {
        long most = given.whole("maxsplit", -1);
        if (given.get("sep") == null) {
            return wordsFromLeft(scope, text, most);
        }
        String separator = separator(scope, text, given);
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator);
                at >= 0 && parts.size() != most;
                at = text.indexOf(separator, from)) {
            scope.work().charge(1);
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return List.copyOf(parts);
    }

    static List<Object> right(Scope scope, String text, Arguments given) {
        long most = given.whole("maxsplit", -1);
        if (given.get("sep") == null) {
            return wordsFromRight(scope, text, most);
        }
        String separator = separator(scope, text, given);
        List<Object> parts = new ArrayList<>();
        int to = text.length();
        for (int at = text.lastIndexOf(separator);
                at >= 0 && parts.size() != most;
                at =
                        to < separator.length()
                                ? -1
                                : text.lastIndexOf(separator, to - separator.length())) {
            scope.work().charge(1);
            parts.add(text.substring(at + separator.length(), to));
            to = at;
        }
        parts.add(text.substring(0, to));
        return List.copyOf(parts.reversed());
    }

    private static List<Object> wordsFromLeft(Scope scope, String text, long most) {
        List<Object> words = new ArrayList<>();
        int from = next(text, 0, false);
        while (from < text.length() && words.size() != most) {
            scope.work().charge(1);
            int end = next(text, from, true);
            words.add(text.substring(from, end));
            from = next(text, end, false);
        }
        if (from < text.length()) {
            words.add(text.substring(from));
        }
        return List.copyOf(words);
    }

    private static List<Object> wordsFromRight(Scope scope, String text, long most) {
        List<Object> words = new ArrayList<>();
        int to = before(text, text.length(), false);
        while (to > 0 && words.size() != most) {
            scope.work().charge(1);
            int start = before(text, to, true);
            words.add(text.substring(start, to));
            to = before(text, start, false);
        }
        if (to > 0) {
            words.add(text.substring(0, to));
        }
        return List.copyOf(words.reversed());
    }

    /// The first place from `at` on with white space, or without.
    private static int next(String text, int at, boolean space) {
        int place = at;
        while (place < text.length() && Texts.isSpace(text.charAt(place)) != space) {
            place++;
        }
        return place;
    }

    /// The last place up to `at` behind white space, or behind something else.
    private static int before(String text, int at, boolean space) {
        int place = at;
        while (place > 0 && Texts.isSpace(text.charAt(place - 1)) != space) {
            place--;
        }
        return place;
    }

    /// What stands before a separator, the separator, and what stands behind it.
    static Tuple around(Scope scope, String text, Arguments given, boolean last) {
        String separator = separator(scope, text, given);
        int at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
        if (at < 0) {
            return Tuple.of(last ? List.of("", "", text) : List.of(text, "", ""));
        }
        String behind = text.substring(at + separator.length());
        return Tuple.of(List.of(text.substring(0, at), separator, behind));
    }

    private static String separator(Scope scope, String text, Arguments given) {
        String separator = given.text("sep");
        if (separator.isEmpty()) {
            throw new TemplateException("a text is split at nothing");
        }
        Values.chargeSearch(scope, text, separator);
        return separator;
    }
}
