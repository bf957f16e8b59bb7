package org.wanda4j.cli;

import java.util.regex.Pattern;
import org.wanda4j.checkpoint.Json;

/// Results go to standard output, everything else to standard error.
final class Console {

    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}&&[^\n\t]]");
    private static final String REPLACEMENT = "\ufffd";

    private Console() {}

    static void print(String text) {
        System.out.println(text);
    }

    /// A part of what a model writes. A terminal would obey control characters; it gets none but line ends and tabs.
    static void printPart(String text) {
        System.out.print(isTerminal() ? CONTROL.matcher(text).replaceAll(REPLACEMENT) : text);
        System.out.flush();
    }

    static void printJson(Object value) {
        System.out.print(Json.write(value));
    }

    static void note(String text) {
        System.err.println(text);
    }

    @SuppressWarnings(
            "SystemConsoleNull") // JDK 25 still gives null where input or output is redirected.
    static boolean isTerminal() {
        return System.console() != null && System.console().isTerminal();
    }
}
