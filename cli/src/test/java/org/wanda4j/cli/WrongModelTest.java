package org.wanda4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every command names what was given to it in place of a model, in one line.
class WrongModelTest {

    private static final String POINTER =
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 269060552\n";

    @TempDir private Path directory;

    private TinyModel model;

    @BeforeEach
    void copyModel() throws IOException {
        model = TinyModel.copyTo(directory.resolve("model"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "prune MODEL -o OUT",
                "plan MODEL",
                "eval MODEL --windows 1",
                "compare MODEL -o OUT --methods wanda --sparsities 0.5",
                "inspect MODEL",
                "pack MODEL -o OUT",
                "unpack MODEL -o OUT",
                "generate MODEL --prompt a",
                "chat MODEL",
                "serve MODEL --port 0",
                "bench MODEL",
            })
    void whatStandsThereIsNamed(String command) throws IOException {
        assertRefused(command, Path.of("org/name"), "no directory here, and not in the cache");
        assertRefused(command, Path.of("no/such/model"), "no such directory");
        assertRefused(command, model.weights(), "is a file; give the folder");
        Path empty = Files.createDirectory(directory.resolve("empty"));
        assertRefused(command, empty, "an empty folder");
        Files.writeString(model.weights(), POINTER);
        assertRefused(command, model.directory(), "a git-lfs pointer");
    }

    @ParameterizedTest
    @ValueSource(strings = {"prune MODEL -o OUT", "eval MODEL", "generate MODEL --prompt a"})
    void aTokenizerThatIsAPointerIsNamed(String command) throws IOException {
        Files.writeString(model.directory().resolve("tokenizer.json"), POINTER);
        assertRefused(command, model.directory(), "tokenizer.json is a git-lfs pointer");
    }

    @Test
    void aFolderOfTheHubsCacheStandsForItsSnapshot() throws IOException {
        Path cached = directory.resolve("models--org--name");
        Path snapshot = Files.createDirectories(cached.resolve("snapshots/0123"));
        Files.delete(snapshot);
        Files.move(model.directory(), snapshot);
        for (String command :
                List.of("inspect MODEL", "generate MODEL --prompt a --max-tokens 1")) {
            Wanda wanda = run(command, cached);
            assertEquals(0, wanda.exitCode(), String.join("\n", wanda.errors()));
        }
    }

    private Wanda run(String command, Path given) {
        return Wanda.run(
                Stream.of(command.split(" "))
                        .map(word ->
                                switch (word) {
                                    case "MODEL" -> given.toString();
                                    case "OUT" -> directory.resolve("out").toString();
                                    default -> word;
                                })
                        .toArray(String[]::new));
    }

    private void assertRefused(String command, Path given, String expected) {
        Wanda wanda = run(command, given);
        String errors = String.join("\n", wanda.errors());
        assertEquals(2, wanda.exitCode(), errors);
        List<String> lines =
                wanda.errors().stream().filter(line -> line.startsWith("wanda: ")).toList();
        assertEquals(1, lines.size(), errors);
        assertEquals(lines.getFirst(), wanda.errors().getLast());
        assertTrue(lines.getFirst().contains(expected), errors);
        assertTrue(Files.notExists(directory.resolve("out")));
    }
}
