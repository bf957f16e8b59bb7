package org.wanda4j.text.jinja;

import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What stands behind a backslash in a string, as Python has it.
final class Escapes {

    private static final Pattern ESCAPE =
            Pattern.compile(
                    "\\\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))",
                    Pattern.DOTALL);
    private static final String LETTERS = "abfnrtv";
    private static final String MEANINGS = "\u0007\b\f\n\r\t\u000b";

    private Escapes() {}

    /// `text` with each escape replaced by what it stands for.
    ///
    /// @param line for messages
    static String resolved(String text, int line) {
        return text.indexOf('\\') < 0
                ? text
                : ESCAPE.matcher(text)
                        .replaceAll(escape -> Matcher.quoteReplacement(meaning(escape, line)));
    }

    private static String meaning(MatchResult escape, int line) {
        for (int group = 1; group <= 4; group++) {
            if (escape.group(group) != null) {
                int code = Integer.parseUnsignedInt(escape.group(group), group == 4 ? 8 : 16);
                if (!Character.isValidCodePoint(code)) {
                    throw broken(line);
                }
                return Character.toString(code);
            }
        }
        String letter = escape.group(5);
        int known = LETTERS.indexOf(letter);
        if (known >= 0) {
            return MEANINGS.substring(known, known + 1);
        }
        return switch (letter) {
            case "\\", "'", "\"" -> letter;
            case "\n" -> "";
            case "x", "u", "U", "N" -> throw broken(line);
            default -> "\\" + letter;
        };
    }

    private static TemplateException broken(int line) {
        return new TemplateException("line " + line + ": a broken escape in a string");
    }
}
