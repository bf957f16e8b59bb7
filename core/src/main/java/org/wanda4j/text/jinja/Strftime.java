package org.wanda4j.text.jinja;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Dates as Python's `strftime` writes them on Linux, of a time without a zone.
final class Strftime {

    /// `%-d` is without zeros in front.
    private static final Pattern DIRECTIVE = Pattern.compile("%(-?)(.)", Pattern.DOTALL);

    private static final Map<Character, String> PATTERNS =
            Map.ofEntries(
                    Map.entry('a', "EEE"),
                    Map.entry('A', "EEEE"),
                    Map.entry('b', "MMM"),
                    Map.entry('B', "MMMM"),
                    Map.entry('c', "EEE MMM ppd HH:mm:ss uuuu"),
                    Map.entry('d', "dd"),
                    Map.entry('D', "MM/dd/uu"),
                    Map.entry('e', "ppd"),
                    Map.entry('F', "uuuu-MM-dd"),
                    Map.entry('f', "SSSSSS"),
                    Map.entry('h', "MMM"),
                    Map.entry('H', "HH"),
                    Map.entry('I', "hh"),
                    Map.entry('j', "DDD"),
                    Map.entry('k', "ppH"),
                    Map.entry('l', "pph"),
                    Map.entry('m', "MM"),
                    Map.entry('M', "mm"),
                    Map.entry('n', "'\n'"),
                    Map.entry('p', "a"),
                    Map.entry('r', "hh:mm:ss a"),
                    Map.entry('R', "HH:mm"),
                    Map.entry('S', "ss"),
                    Map.entry('t', "'\t'"),
                    Map.entry('T', "HH:mm:ss"),
                    Map.entry('x', "MM/dd/uu"),
                    Map.entry('X', "HH:mm:ss"),
                    Map.entry('y', "uu"),
                    Map.entry('Y', "uuuu"));

    private Strftime() {}

    static String format(String format, ZonedDateTime time) {
        return DIRECTIVE
                .matcher(format)
                .replaceAll(directive ->
                        Matcher.quoteReplacement(
                                written(directive.group(2).charAt(0), time)
                                        .replaceFirst(
                                                directive.group(1).isEmpty() ? "^$" : "^[0 ]+(?=.)",
                                                "")));
    }

    private static String written(char directive, ZonedDateTime time) {
        String pattern = PATTERNS.get(directive);
        return switch (directive) {
            case '%' -> "%";
            case 'z', 'Z' -> "";
            case 'u' -> String.valueOf(time.getDayOfWeek().getValue());
            case 'w' -> String.valueOf(time.getDayOfWeek().getValue() % 7);
            default -> {
                if (pattern == null) {
                    throw new TemplateException(
                            "'%" + directive + "' in a format of dates is not supported");
                }
                yield time.format(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH));
            }
        };
    }
}
