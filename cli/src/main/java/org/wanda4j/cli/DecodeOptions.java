package org.wanda4j.cli;

import picocli.CommandLine.Option;

/// Options of every command that decodes by the Java runtime.
final class DecodeOptions {

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "threads that decode (default: all processors)")
    private int threads = Runtime.getRuntime().availableProcessors();

    int threads() {
        return threads;
    }
}
