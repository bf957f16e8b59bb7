package org.wanda4j;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Golden checkpoints of families with a tokenizer of words, so that a text can go through them: id `i` is `w<i>`.
public final class WordModel {

    /// Rows of the embedding of every golden checkpoint.
    public static final int VOCABULARY = 96;

    private static final List<String> WITHOUT = List.of("expected.safetensors");

    private WordModel() {}

    /// A copy of a golden checkpoint with a tokenizer.
    public static Path of(Path golden, Path directory) throws IOException {
        Path copy = Files.createDirectories(directory.resolve(golden.getFileName().toString()));
        try (Stream<Path> files = Files.list(golden)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (!WITHOUT.contains(name)) {
                    Files.copy(file, copy.resolve(name));
                }
            }
        }
        String words =
                IntStream.range(0, VOCABULARY)
                        .mapToObj(id -> "\"w%d\": %d".formatted(id, id))
                        .collect(Collectors.joining(", "));
        Files.writeString(
                copy.resolve("tokenizer.json"),
                """
                {"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"},
                 "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {%s}}}
                """
                        .formatted(words));
        return copy;
    }

    /// Words at random, separated by spaces.
    public static String text(int words, long seed) {
        var random = new Random(seed);
        return IntStream.range(0, words)
                .mapToObj(_ -> "w" + random.nextInt(VOCABULARY))
                .collect(Collectors.joining(" "));
    }
}
