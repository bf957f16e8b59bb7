package org.wanda4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A real model of 135 M parameters, from the shared files. Its weights are kept compressed there; they are unpacked
/// once into the build's folder.
public final class SmolLm2 {

    private SmolLm2() {}

    /// The Hugging Face directory.
    public static synchronized Path directory() {
        Path directory = Path.of("target/smollm2").toAbsolutePath();
        // Tests of another JVM may want it too.
        try (FileChannel file =
                        FileChannel.open(
                                Files.createDirectories(directory).resolveSibling("smollm2.lock"),
                                StandardOpenOption.CREATE,
                                StandardOpenOption.WRITE);
                var _ = file.lock()) {
            Process unpack =
                    new ProcessBuilder(
                                    SharedFiles.shared("models/unpack").toString(),
                                    directory.toString())
                            .inheritIO()
                            .start();
            if (unpack.waitFor() != 0) {
                throw new AssertionError(
                        "models/unpack failed with exit code " + unpack.exitValue());
            }
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while unpacking", e);
        }
    }
}
