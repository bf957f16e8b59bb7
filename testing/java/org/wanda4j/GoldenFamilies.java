package org.wanda4j;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/// The golden checkpoints of the model families: what `prune/src/test/python/families.py` writes.
public final class GoldenFamilies {

    private static final Path ROOT = Path.of("../prune/src/test/resources/families");

    /// Cases whose families or features are not supported yet.
    public static final Set<String> PENDING =
            Set.of(
                    "bloom",
                    "bloom-without-prefix",
                    "cohere",
                    "cohere-qk-norm",
                    "falcon",
                    "falcon-11b",
                    "falcon-40b",
                    "falcon-rw",
                    "gemma",
                    "gemma2",
                    "gemma3",
                    "gemma3-transformers5",
                    "gemma3_text",
                    "glm4",
                    "gpt2",
                    "gpt2-without-prefix",
                    "gpt_neox",
                    "gpt_neox-sequential",
                    "granite",
                    "granitemoe",
                    "granitemoeshared",
                    "llama-longrope",
                    "llama-yarn",
                    "mistral3",
                    "mistral3-transformers5",
                    "mixtral",
                    "olmo",
                    "olmo2",
                    "phi",
                    "phi3",
                    "phi3-longrope",
                    "phi3-transformers5",
                    "qwen2-yarn",
                    "qwen2_moe",
                    "qwen2_moe-mlp-only",
                    "qwen3-without-prefix",
                    "qwen3_moe",
                    "qwen3_moe-idle-expert",
                    "smollm3",
                    "stablelm",
                    "stablelm-parallel",
                    "starcoder2");

    private GoldenFamilies() {}

    /// The directory of a case.
    public static Path of(String name) {
        return ROOT.resolve(name);
    }

    /// Every case: a checkpoint with `expected.safetensors` beside it.
    public static List<Path> all() {
        return in(ROOT, "expected.safetensors");
    }

    /// Every case but those named.
    public static List<Path> except(Set<String> names) {
        return all().stream()
                .filter(directory -> !names.contains(directory.getFileName().toString()))
                .toList();
    }

    /// The configurations that have to be refused: directories with nothing but a `config.json`.
    public static List<Path> refused() {
        return in(ROOT.resolve("refused"), "config.json");
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
