package org.wanda4j.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// What a call of the command gave: exit code, standard output, standard error without the banner and progress.
record Wanda(int exitCode, String out, List<String> errors) {

    static Wanda run(String... arguments) {
        var out = new ByteArrayOutputStream();
        Wanda wanda = run(new PrintStream(out, true, StandardCharsets.UTF_8), arguments);
        return new Wanda(wanda.exitCode(), out.toString(StandardCharsets.UTF_8), wanda.errors());
    }

    /// The same with a standard output of its own, of which nothing is told.
    static synchronized Wanda run(PrintStream standardOutput, String... arguments) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        var capturedErr = new ByteArrayOutputStream();
        try {
            System.setOut(standardOutput);
            System.setErr(new PrintStream(capturedErr, true, StandardCharsets.UTF_8));
            int exitCode = Main.run(arguments);
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
