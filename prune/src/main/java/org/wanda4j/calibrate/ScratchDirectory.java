package org.wanda4j.calibrate;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A temporary directory for activations that do not fit into memory; gone with the run.
///
/// @param path where it is
public record ScratchDirectory(Path path) implements AutoCloseable {

    /// A new one.
    public ScratchDirectory() {
        this(create());
    }

    private static Path create() {
        try {
            return Files.createTempDirectory("wanda-");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            Files.delete(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
