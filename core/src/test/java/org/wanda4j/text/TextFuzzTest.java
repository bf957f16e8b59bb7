package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;

/// Text, tokenizers and chat templates of any content: read, or refused in one line.
class TextFuzzTest {

    private static final long MOST_TEXT = 1 << 20;
    private static final Clock NOON =
            Clock.fixed(Instant.parse("2026-01-01T12:00:00Z"), ZoneOffset.UTC);

    @TempDir private static Path directory;

    /// @param bytes a corpus of JSON lines
    @FuzzTest(maxDuration = "3m")
    void lines(byte[] bytes) throws IOException {
        corpus("corpus.jsonl", bytes);
    }

    /// @param bytes a corpus of gzipped JSON lines
    @FuzzTest(maxDuration = "3m")
    void gzippedLines(byte[] bytes) throws IOException {
        corpus("corpus.jsonl.gz", bytes);
    }

    /// @param bytes a corpus of a JSON array
    @FuzzTest(maxDuration = "3m")
    void array(byte[] bytes) throws IOException {
        corpus("corpus.json", bytes);
    }

    /// @param bytes a corpus of any form
    @FuzzTest(maxDuration = "3m")
    void stream(byte[] bytes) {
        Hostile.isRead(() -> {
            var in = new ByteArrayInputStream(bytes);
            Corpus corpus =
                    new CorpusReader(TextSettings.PLAIN, MOST_TEXT).readStream("stream", in);
            assertFalse(corpus.documents().isEmpty());
        });
    }

    private static void corpus(String name, byte[] bytes) {
        Path file = Hostile.put(directory, name, bytes);
        Hostile.isRead(() -> {
            Corpus corpus = new CorpusReader(TextSettings.PLAIN, MOST_TEXT).read(file);
            assertFalse(corpus.documents().isEmpty());
            assertTrue(StandardCharsets.UTF_8.newEncoder().canEncode(corpus.text()));
        });
    }

    /// What is done here, before the native library sees the result.
    ///
    /// @param bytes `tokenizer.json`, a line end, `tokenizer_config.json`
    @FuzzTest(maxDuration = "3m")
    void definition(byte[] bytes) {
        Hostile.put(directory, "tokenizer.json", Hostile.head(bytes, '\n'));
        Hostile.put(directory, "tokenizer_config.json", Hostile.tail(bytes, '\n'));
        Hostile.isRead(
                () -> assertTrue(TokenizerDefinition.of(directory).read().vocabularySize() >= 0));
    }

    /// @param bytes `tokenizer.json`, a line end, `tokenizer_config.json`
    @FuzzTest(maxDuration = "3m")
    void tokenizer(byte[] bytes) {
        Hostile.put(directory, "tokenizer.json", Hostile.head(bytes, '\n'));
        Hostile.put(directory, "tokenizer_config.json", Hostile.tail(bytes, '\n'));
        Hostile.isRead(() -> {
            try (Tokenizer tokenizer = Tokenizer.open(directory)) {
                tokenizer.decode(tokenizer.encode("Hello, w\u00f6rld 42"));
            }
        });
    }

    /// @param bytes a chat template
    @FuzzTest(maxDuration = "3m")
    void template(byte[] bytes) {
        Hostile.put(directory, "chat_template.jinja", bytes);
        Hostile.isRead(() ->
                ChatTemplate.of(directory, NOON)
                        .ifPresent(template ->
                                template.render(
                                        List.of(
                                                new ChatTemplate.Message("system", "Be brief."),
                                                new ChatTemplate.Message("user", "Why?")),
                                        true)));
    }
}
