package org.wanda4j.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/// What a call of the command gave: exit code, standard output, standard error without the banner and progress.
record Wanda(int exitCode, String out, List<String> errors) {

    /// The hub is never asked.
    private static final Map<String, String> OFFLINE =
            Map.of("HF_HUB_OFFLINE", "1", "HF_HUB_CACHE", "target/no-hub");

    static Wanda run(String... arguments) {
        return run(OFFLINE, arguments);
    }

    /// The same with other variables of the environment.
    static Wanda run(Map<String, String> environment, String... arguments) {
        var out = new ByteArrayOutputStream();
        Wanda wanda =
                run(new PrintStream(out, true, StandardCharsets.UTF_8), environment, arguments);
        return new Wanda(wanda.exitCode(), out.toString(StandardCharsets.UTF_8), wanda.errors());
    }

    /// The same with a standard output of its own, of which nothing is told.
    static Wanda run(PrintStream standardOutput, String... arguments) {
        return run(standardOutput, OFFLINE, arguments);
    }

    private static synchronized Wanda run(
            PrintStream standardOutput, Map<String, String> environment, String... arguments) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        var capturedErr = new ByteArrayOutputStream();
        try {
            System.setOut(standardOutput);
            System.setErr(new PrintStream(capturedErr, true, StandardCharsets.UTF_8));
            int exitCode = Main.run(environment, arguments);
            List<String> errors =
                    capturedErr
                            .toString(StandardCharsets.UTF_8)
                            .lines()
                            .filter(line ->
                                    !line.startsWith("wanda4j ") && !line.startsWith("note: "))
                            .toList();
            return new Wanda(exitCode, "", errors);
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }
}
