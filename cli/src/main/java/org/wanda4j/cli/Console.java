package org.wanda4j.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.regex.Pattern;
import org.wanda4j.checkpoint.Json;

/// Results go to standard output, everything else to standard error.
final class Console {

    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}&&[^\n\t]]");
    private static final String REPLACEMENT = "\ufffd";
    private static final int STANDARD_ERROR = 2;

    private Console() {}

    static void print(String text) {
        System.out.println(text);
    }

    /// Prints generated text. On a terminal, control characters but line ends and tabs are replaced, as they could change its state.
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

    /// Whether standard error is a terminal, whatever the other two are.
    static boolean isErrorTerminal() {
        return Linker.nativeLinker()
                .defaultLookup()
                .find("isatty")
                .map(Console::isErrorTerminal)
                .orElseGet(Console::isTerminal); // Windows has no function of that name.
    }

    @SuppressWarnings("restricted") // The C library's own: int isatty(int).
    private static boolean isErrorTerminal(MemorySegment isatty) {
        var signature = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
        try {
            return (int)
                            Linker.nativeLinker()
                                    .downcallHandle(isatty, signature)
                                    .invokeExact(STANDARD_ERROR)
                    == 1;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @SuppressWarnings(
            "SystemConsoleNull") // JDK 25 still gives null where input or output is redirected.
    static boolean isTerminal() {
        return System.console() != null && System.console().isTerminal();
    }
}
