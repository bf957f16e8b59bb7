package org.wanda4j.cli;

import org.wanda4j.checkpoint.Json;

/// Results go to standard output, everything else to standard error.
final class Console {

    private Console() {}

    static void print(String text) {
        System.out.println(text);
    }

    static void printPart(String text) {
        System.out.print(text);
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
