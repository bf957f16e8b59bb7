package org.wanda4j.cli;

import java.util.function.Supplier;
import picocli.CommandLine.Option;

/// How a command prints its result.
final class ResultOptions {

    @Option(names = "--json", description = "print the result as JSON")
    private boolean json;

    boolean json() {
        return json;
    }

    /// Prints `result` as JSON where that is asked for, else `text`.
    void print(Object result, Supplier<String> text) {
        if (json) {
            Console.printJson(result);
        } else {
            Console.print(text.get());
        }
    }
}
