package org.wanda4j.cli;

import org.wanda4j.checkpoint.InvalidInputException;
import picocli.CommandLine.Option;

/// Options of every command that decodes by the Java runtime.
final class DecodeOptions {

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "threads that decode (default: all processors)")
    private int threads = Runtime.getRuntime().availableProcessors();

    int threads() {
        if (threads < 1) {
            throw new InvalidInputException("--threads must be at least 1, got " + threads);
        }
        return threads;
    }
}
