package org.wanda4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.TextSettings;

/// Files that the zstd program and PyArrow wrote, as text.
class DataFormatsTest {

    private static final Path LINES = resource("data/lines.jsonl.zst");
    private static final Path CHATS = resource("data/chats.parquet");

    @TempDir private Path directory;

    @Test
    void zstdIsDecompressed() throws IOException {
        Corpus corpus = Corpus.open(LINES, settings("text"));
        assertEquals(List.of("first", "s\u00e9cond\n"), corpus.documents());
        Corpus stream =
                Corpus.read(
                        "standard input",
                        new ByteArrayInputStream(Files.readAllBytes(LINES)),
                        settings("text"));
        assertEquals(corpus.documents(), stream.documents());
        assertEquals(corpus.sha256(), stream.sha256());
        Path text = directory.resolve("a.TXT.zst");
        Files.write(text, Zstd.compress("one\r\n".getBytes(StandardCharsets.UTF_8)));
        assertEquals(List.of("one\n"), Corpus.open(text, settings("text")).documents());
    }

    @Test
    void whatIsNotZstdOrCutOffIsRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(LINES);
        for (byte[] broken :
                List.of(
                        Arrays.copyOf(bytes, bytes.length - 9),
                        "{}".repeat(9).getBytes(StandardCharsets.UTF_8))) {
            Path file = Files.write(directory.resolve("bad.jsonl.zst"), broken);
            String message = refusal(file, settings("text"));
            assertTrue(message.startsWith(file + ": cannot be read: "), message);
        }
    }

    @Test
    void aColumnOfParquetIsTakenAsAFieldOfJson() {
        Path rows = resource("items/boolq.parquet");
        Corpus corpus = Corpus.open(rows, settings("passage"));
        assertEquals(
                Corpus.open(resource("items/boolq.jsonl"), settings("passage")).documents(),
                corpus.documents());
        assertNotEquals(corpus.sha256(), Corpus.open(rows, settings("question")).sha256());
        String message = refusal(rows, settings("text"));
        assertTrue(
                message.startsWith(rows + ":1: needs a text")
                        && message.contains("it has question, "),
                message);
    }

    /// A damaged column does not keep another one from being read.
    @Test
    void onlyTheColumnOfTheFieldIsRead() throws IOException {
        Path whole = resource("items/boolq.parquet");
        byte[] bytes = Files.readAllBytes(whole);
        Arrays.fill(bytes, 60, 90, (byte) 0xff); // in the first column's first page
        Path damaged = Files.write(directory.resolve("damaged.parquet"), bytes);
        assertTrue(refusal(damaged, settings("question")).contains("not to be read as Parquet"));
        assertEquals(
                Corpus.open(whole, settings("passage")).documents(),
                Corpus.open(damaged, settings("passage")).documents());
    }

    @Test
    void bytesAreNoText() {
        String message = refusal(CHATS, settings("raw"));
        assertTrue(message.contains("chats.parquet:1: needs a text"), message);
        assertTrue(message.contains("but that holds something else"), message);
    }

    /// Rows of which some have no text, some have members that others lack.
    @Test
    void messagesInParquetAreRendered() throws IOException {
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(SharedFiles.tinyLlama().resolve(name), directory.resolve(name));
        }
        Files.writeString(
                directory.resolve("chat_template.jinja"),
                "{% for m in messages %}<{{ m.role }}{% if m.name is defined %} {{ m.name }}{% endif %}>{{ m.content }}{% endfor %}");
        Corpus corpus =
                Corpus.open(
                        CHATS,
                        new TextSettings(
                                Optional.empty(), Optional.of(directory), new DataFormats()));
        assertEquals(
                List.of("<user Ada>Why?<assistant>Because.", "plain \u00e9", "", "<system>"),
                corpus.documents());
    }

    @Test
    void allFilesOfADirectoryAreRead() throws IOException {
        for (Path file : List.of(LINES, CHATS)) {
            Files.copy(file, directory.resolve(file.getFileName()));
        }
        Files.writeString(directory.resolve("z.json"), "[\"last\"]");
        assertEquals(
                List.of("", "plain \u00e9", "", "", "first", "s\u00e9cond\n", "last"),
                Corpus.open(directory, settings("text")).documents());
    }

    @Test
    void whatIsNotParquetIsRefused() throws IOException {
        Path file = Files.writeString(directory.resolve("a.parquet"), "PAR1");
        String message = refusal(file, settings("text"));
        assertTrue(message.startsWith(file + ": not to be read as Parquet"), message);
        Path absent = directory.resolve("absent.parquet");
        assertTrue(refusal(absent, settings("text")).contains("absent.parquet"));
    }

    private static TextSettings settings(String field) {
        return new TextSettings(Optional.of(field), Optional.empty(), new DataFormats());
    }

    private static String refusal(Path source, TextSettings settings) {
        String message =
                assertThrows(InvalidInputException.class, () -> Corpus.open(source, settings))
                        .getMessage();
        assertEquals(1, message.lines().count());
        return message;
    }

    private static Path resource(String name) {
        return Path.of("src/test/resources").resolve(name);
    }
}
