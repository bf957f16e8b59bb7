package org.wanda4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/// Files that tests read from outside of the module.
///
/// `shared` lies beside or above the repository and is no part of it: a test that needs it says
/// `@EnabledIf(value = SharedFiles.PRESENT, disabledReason = SharedFiles.ABSENT)` and is then
/// reported as skipped where the folder is absent. Where it is present but lacks the file, the test
/// fails.
public final class SharedFiles {

    /// For `@EnabledIf`.
    public static final String PRESENT = "org.wanda4j.SharedFiles#arePresent";

    /// For `@EnabledIf`.
    public static final String ABSENT =
            "no folder shared/models, which holds a real model and its golden results, in any parent of this project: put it beside the repository";

    private SharedFiles() {}

    /// Whether there is a `shared` folder.
    public static boolean arePresent() {
        return above("shared/models").isPresent();
    }

    /// A file under `shared`.
    public static Path shared(String path) {
        return existing("shared/" + path);
    }

    /// The model that golden results were computed on: weights of its own, all else is that of the program's demo.
    public static Path tinyLlama() {
        try {
            Path directory = Files.createDirectories(Path.of("target/tiny-llama").toAbsolutePath());
            link(directory, existing("testing/models/tiny-llama/model.safetensors"));
            try (Stream<Path> files = Files.list(existing("models/demo-llama"))) {
                files.forEach(file -> link(directory, file));
            }
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Links to `file`, where there is none of its name yet.
    private static void link(Path directory, Path file) {
        try {
            Files.createSymbolicLink(
                    directory.resolve(file.getFileName()), directory.relativize(file));
        } catch (FileAlreadyExistsException e) {
            // An earlier call's, or another process's.
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path existing(String path) {
        return above(path).orElseThrow(() -> new AssertionError("there is no " + path));
    }

    private static Optional<Path> above(String path) {
        return Stream.iterate(Path.of("").toAbsolutePath(), p -> p != null, Path::getParent)
                .map(parent -> parent.resolve(path))
                .filter(Files::exists)
                .findFirst();
    }
}
