package org.wanda4j.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.exc.InputCoercionException;
import tools.jackson.core.exc.StreamConstraintsException;

/// Message for a syntax error in JSON, with its position; the library's own messages speak of its settings.
final class JsonFault {

    private static final int LONGEST_EXCERPT = 20;
    private static final String DUPLICATE = "Duplicate Object property ";
    private static final String NO_UTF8 = "Invalid UTF-8";

    private JsonFault() {}

    /// In one line: `line 3, column 5: unexpected tru`. The column counts bytes; the line is left out where there is only one.
    static String of(JacksonException e, byte[] text) {
        String reason = reason(e, text);
        TokenStreamLocation at = e.getLocation();
        if (at == null || at.getLineNr() < 1) {
            return reason;
        }
        return place(at, text) + reason;
    }

    /// The message where something follows the value, at `at`.
    static String behind(TokenStreamLocation at, byte[] text) {
        return place(at, text) + "something follows the value";
    }

    private static String place(TokenStreamLocation at, byte[] text) {
        String line = hasLines(text) ? "line " + at.getLineNr() + ", " : "";
        return line + "column " + at.getColumnNr() + ": ";
    }

    private static String reason(JacksonException e, byte[] text) {
        String said = String.valueOf(e.getOriginalMessage());
        if (e instanceof StreamConstraintsException) {
            return "nested too deep, or a name or number in it is too long";
        }
        if (e instanceof InputCoercionException) {
            return "a number that is too large";
        }
        if (said.startsWith(DUPLICATE)) {
            return "the name " + said.substring(DUPLICATE.length()) + " stands there twice";
        }
        if (said.startsWith(NO_UTF8)) {
            return "not UTF-8";
        }
        long offset = e.getLocation() == null ? 0 : e.getLocation().getByteOffset();
        return offset >= text.length ? "it ends too early" : "unexpected " + excerpt(text, offset);
    }

    /// What stands at `offset`, up to the next white space.
    private static String excerpt(byte[] text, long offset) {
        int from = (int) Math.max(0, offset);
        String rest =
                new String(
                        Arrays.copyOfRange(
                                text, from, Math.min(text.length, from + LONGEST_EXCERPT)),
                        StandardCharsets.UTF_8);
        int first = rest.codePointAt(0);
        if (Character.isISOControl(first)) {
            return "control character %d; within a text it is written as \\u%04x"
                    .formatted(first, first);
        }
        return rest.codePoints()
                .takeWhile(c -> !Character.isWhitespace(c))
                .mapToObj(Character::toString)
                .collect(Collectors.joining());
    }

    private static boolean hasLines(byte[] text) {
        for (int i = 0; i < text.length - 1; i++) {
            if (text[i] == '\n') {
                return true;
            }
        }
        return false;
    }
}
