package org.wanda4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The golden checkpoints of the model families: what `prune/src/test/python/families.py` writes.
public final class GoldenFamilies {

    private static final Path ROOT = Path.of("../prune/src/test/resources/families");

    private GoldenFamilies() {}

    /// The directory of a case.
    public static Path of(String name) {
        return ROOT.resolve(name);
    }

    /// Every case: a checkpoint with `expected.safetensors` beside it.
    public static List<Path> all() {
        return in(ROOT, "expected.safetensors");
    }

    /// The configurations that have to be refused: directories with nothing but a `config.json`.
    public static List<Path> refused() {
        return in(ROOT.resolve("refused"), "config.json");
    }

    /// The configurations with every entry that a family has, one for each: directories with nothing but a `config.json`.
    public static List<Path> defaults() {
        return in(ROOT.resolve("defaults"), "config.json");
    }

    /// The directory with the complete configuration of a family.
    public static Path defaults(String family) {
        return ROOT.resolve("defaults").resolve(family);
    }

    /// The directory with the configuration of a case as transformers 5 writes it.
    public static Path transformers5(String name) {
        return ROOT.resolve("transformers5").resolve(name);
    }

    private static List<Path> in(Path root, String file) {
        try (Stream<Path> directories = Files.list(root)) {
            return directories
                    .filter(directory -> Files.exists(directory.resolve(file)))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
