package org.wanda4j;

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
    public static final String ABSENT = "no folder shared/models in any parent of this project";

    private SharedFiles() {}

    /// Whether there is a `shared` folder.
    public static boolean arePresent() {
        return above("shared/models").isPresent();
    }

    /// A file under `shared`.
    public static Path shared(String path) {
        return existing("shared/" + path);
    }

    /// The model that the repository holds.
    public static Path tinyLlama() {
        return existing("models/tiny-llama");
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
