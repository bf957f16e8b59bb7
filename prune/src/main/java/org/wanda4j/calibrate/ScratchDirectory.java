package org.wanda4j.calibrate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Reason;

/// A temporary directory for activations that do not fit into memory; gone with the run, and with a process that ends before it closes
/// this.
///
/// @param path where it is
public record ScratchDirectory(Path path) implements AutoCloseable {

    /// A new one.
    ///
    /// @throws InvalidInputException when it cannot be made
    public ScratchDirectory() {
        this(create());
    }

    private static Path create() {
        try {
            Path directory = Files.createTempDirectory("wanda-");
            directory.toFile().deleteOnExit();
            return directory;
        } catch (IOException e) {
            throw new InvalidInputException(
                    "cannot make a directory in %s: %s; WANDA_OPTS=-Djava.io.tmpdir=DIRECTORY names another"
                            .formatted(System.getProperty("java.io.tmpdir"), Reason.of(e)),
                    e);
        }
    }

    @Override
    public void close() {
        try {
            Files.delete(path);
        } catch (IOException e) {
            // What was measured does not depend on it.
        }
    }
}
