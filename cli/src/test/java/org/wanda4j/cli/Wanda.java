package org.wanda4j.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// What a call of the command gave: exit code, standard output, standard error without the banner and progress.
record Wanda(int exitCode, String out, List<String> errors) {

    static synchronized Wanda run(String... arguments) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        var capturedOut = new ByteArrayOutputStream();
        var capturedErr = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(capturedOut, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(capturedErr, true, StandardCharsets.UTF_8));
            int exitCode = Main.run(arguments);
            List<String> errors =
                    capturedErr
                            .toString(StandardCharsets.UTF_8)
                            .lines()
                            .filter(line ->
                                    !line.startsWith("wanda4j ") && !line.startsWith("note: "))
                            .toList();
            return new Wanda(exitCode, capturedOut.toString(StandardCharsets.UTF_8), errors);
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }
}
