package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;

class DetokenizerTest {

    private static final String TEXT =
            "Hello,  na\u00efve \u65e5\u672c\u8a9e\n\ud83d\ude00 \ud83d\udc69\u200d\ud83d\udc67 \u0627\u0644 end ";

    /// A vocabulary in the way of SentencePiece: a word brings its leading space, which the first one loses, and a
    /// character that is no word comes as bytes.
    private static final String SENTENCEPIECE =
            """
            {"added_tokens": [{"id": 0, "content": "<s>", "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false}],
             "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<s>", "merges": [],
                "vocab": {"<s>": 0, "\u2581the": 1, "\u2581cat": 2, "s": 3,
                    "<0xE2>": 4, "<0x82>": 5, "<0xAC>": 6, "\u2581": 7}}}\
            """;

    @TempDir private Path directory;

    @Test
    void piecesAddUpToTheWholeText() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] ids = tokenizer.encode(TEXT);
            assertEquals(TEXT, streamed(tokenizer, ids));
            var random = new Random(1);
            for (int round = 0; round < 200; round++) {
                int[] any = random.ints(1 + round / 4, 0, tokenizer.vocabularySize()).toArray();
                assertEquals(whole(tokenizer, any), streamed(tokenizer, any));
            }
        }
    }

    @Test
    void halfACharacterIsHeldBack() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] ids = tokenizer.encode("\ud83d\ude00!");
            assertTrue(ids.length > 2);
            var detokenizer = new Detokenizer(tokenizer);
            for (int id : ids) {
                assertFalse(detokenizer.append(id).text().contains("\ufffd"));
            }
        }
    }

    @Test
    void whatNeverBecomesACharacterComesAtTheEnd() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] ids = tokenizer.encode("a\ud83d\ude00");
            var detokenizer = new Detokenizer(tokenizer);
            var text = new StringBuilder();
            for (int i = 0; i < ids.length - 1; i++) {
                text.append(detokenizer.append(ids[i]).text());
            }
            assertEquals("a", text.toString());
            assertEquals("\ufffd", detokenizer.finish());
        }
    }

    @Test
    void leadingSpacesStayWhereTheWholeTextHasThem() throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), SENTENCEPIECE);
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            int[] ids = {0, 1, 2, 3, 0, 1, 4, 5, 6, 2};
            assertEquals("the cats the\u20ac cat", streamed(tokenizer, ids));
        }
    }

    @Test
    void specialTokensAreAddedOnlyWhereAsked() throws IOException {
        Files.copy(
                SharedFiles.tinyLlama().resolve("tokenizer.json"),
                directory.resolve("tokenizer.json"));
        Files.writeString(
                directory.resolve("tokenizer_config.json"),
                "{\"tokenizer_class\": \"LlamaTokenizer\", \"bos_token\": \"<|endoftext|>\"}");
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            assertArrayEquals(
                    tokenizer.encode("Hello"), tokenizer.encodeAsWritten("<|endoftext|>Hello"));
        }
    }

    @Test
    void endTokensComeFromTheGenerationConfigFirst() throws IOException {
        assertEquals(Set.of(), EndTokens.of(directory, OptionalInt.empty()));
        Files.writeString(directory.resolve("config.json"), "{\"eos_token_id\": 2}");
        assertEquals(Set.of(2), EndTokens.of(directory, OptionalInt.empty()));
        Path generation = directory.resolve("generation_config.json");
        Files.writeString(generation, "{\"eos_token_id\": null}");
        assertEquals(Set.of(2), EndTokens.of(directory, OptionalInt.empty()));
        Files.writeString(generation, "{\"eos_token_id\": [128001, 128009]}");
        assertEquals(Set.of(128001, 128009), EndTokens.of(directory, OptionalInt.empty()));
        Files.writeString(generation, "{\"eos_token_id\": [\"a\"]}");
        assertThrows(
                InvalidInputException.class, () -> EndTokens.of(directory, OptionalInt.empty()));
    }

    @Test
    void whatTheTokenizerNamesEndsATextToo() throws IOException {
        tokenizer(SENTENCEPIECE, "{\"eos_token\": \"s\", \"bos_token\": {\"content\": \"<s>\"}}");
        Files.writeString(directory.resolve("config.json"), "{\"eos_token_id\": 2}");
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            assertEquals(OptionalInt.of(0), tokenizer.begin());
            assertEquals(Set.of(2, 3), EndTokens.of(directory, tokenizer.end()));
        }
        for (String none : new String[] {"{}", "{\"eos_token\": null}", "{\"eos_token\": \"?\"}"}) {
            tokenizer(SENTENCEPIECE, none);
            try (Tokenizer tokenizer = Tokenizer.open(directory)) {
                assertEquals(OptionalInt.empty(), tokenizer.end(), none);
            }
        }
    }

    @Test
    void aTextIsGoneOnWithAsTheWholeHasIt() throws IOException {
        tokenizer(SENTENCEPIECE, "{}");
        try (Tokenizer words = Tokenizer.open(directory);
                Tokenizer bytes = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] some = {0, 7, 1, 2, 3, 0, 1, 4, 5, 6, 2, 7, 0, 7, 2};
            assertEquals(" the cats the\u20ac cat   cat", whole(words, some));
            checkEverySplit(words, some);
            checkEverySplit(bytes, bytes.encode(TEXT));
            assertEquals(" cat", new Detokenizer(words, new int[] {0, 1}).append(2).text());
            assertEquals("cat", new Detokenizer(words, new int[] {0}).append(2).text());
        }
    }

    private static void checkEverySplit(Tokenizer tokenizer, int[] ids) {
        for (int at = 0; at <= ids.length; at++) {
            var text = new StringBuilder();
            var beginning = new Detokenizer(tokenizer);
            for (int i = 0; i < at; i++) {
                text.append(beginning.append(ids[i]).text());
            }
            var rest = new Detokenizer(tokenizer, Arrays.copyOf(ids, at));
            for (int i = at; i < ids.length; i++) {
                text.append(rest.append(ids[i]).text());
            }
            assertEquals(whole(tokenizer, ids), text + rest.finish(), "split at " + at);
        }
    }

    @Test
    void theTokensBytesAreThoseOfTheText() throws IOException {
        tokenizer(SENTENCEPIECE, "{}");
        try (Tokenizer words = Tokenizer.open(directory);
                Tokenizer bytes = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] some = {0, 1, 4, 5, 6, 2, 4, 5, 6};
            assertEquals("the\u20ac cat\u20ac", joined(words, some));
            assertEquals(TEXT, joined(bytes, bytes.encode(TEXT)));
            assertArrayEquals(new byte[] {(byte) 0x82}, new Detokenizer(words).append(5).bytes());
        }
    }

    private static String joined(Tokenizer tokenizer, int[] ids) {
        var detokenizer = new Detokenizer(tokenizer);
        var bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            bytes.writeBytes(detokenizer.append(id).bytes());
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void bytesThatAreNoCharacterDoNotConcernOthers() throws IOException {
        tokenizer(SENTENCEPIECE, "{}");
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            assertEquals(
                    "the\ufffd cat\u20ac\ufffd\ufffds",
                    streamed(tokenizer, new int[] {1, 4, 5, 2, 4, 5, 6, 6, 4, 3}));
        }
    }

    @Test
    void aPreviewIsWhatWouldBeGiven() throws IOException {
        tokenizer(SENTENCEPIECE, "{}");
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            var detokenizer = new Detokenizer(tokenizer);
            for (int id : new int[] {1, 2, 4, 5, 6, 4, 3, 7}) {
                var preview = detokenizer.preview(id);
                var reading = detokenizer.append(id);
                assertEquals(preview.text(), reading.text());
                assertArrayEquals(preview.bytes(), reading.bytes());
            }
            assertEquals("<s>", detokenizer.preview(0).text());
            assertEquals("", detokenizer.append(0).text());
        }
    }

    private void tokenizer(String json, String config) throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), json);
        Files.writeString(directory.resolve("tokenizer_config.json"), config);
    }

    private static String whole(Tokenizer tokenizer, int[] ids) {
        return tokenizer.decodeText(ids);
    }

    private static String streamed(Tokenizer tokenizer, int[] ids) {
        var detokenizer = new Detokenizer(tokenizer);
        var text = new StringBuilder();
        for (int id : ids) {
            text.append(detokenizer.append(id).text());
        }
        return text.append(detokenizer.finish()).toString();
    }
}
