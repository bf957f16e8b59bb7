package org.wanda4j.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/// Where a command writes a checkpoint.
final class OutputOptions {

    @Option(
            names = {"-o", "--output"},
            required = true,
            paramLabel = "OUT",
            description = "directory to write; it appears when it is complete")
    private Path directory;

    @Option(
            names = "--force",
            description =
                    "replace a checkpoint that is already there, once the new one is complete")
    private boolean force;

    Path directory() {
        return directory;
    }

    boolean force() {
        return force;
    }
}
