package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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
                    "<0xE2>": 4, "<0x82>": 5, "<0xAC>": 6}}}\
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
                assertFalse(detokenizer.append(id).contains("\ufffd"));
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
                text.append(detokenizer.append(ids[i]));
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
        assertEquals(Set.of(), EndTokens.of(directory));
        Files.writeString(directory.resolve("config.json"), "{\"eos_token_id\": 2}");
        assertEquals(Set.of(2), EndTokens.of(directory));
        Path generation = directory.resolve("generation_config.json");
        Files.writeString(generation, "{\"eos_token_id\": null}");
        assertEquals(Set.of(2), EndTokens.of(directory));
        Files.writeString(generation, "{\"eos_token_id\": [128001, 128009]}");
        assertEquals(Set.of(128001, 128009), EndTokens.of(directory));
        Files.writeString(generation, "{\"eos_token_id\": [\"a\"]}");
        assertThrows(InvalidInputException.class, () -> EndTokens.of(directory));
    }

    private static String whole(Tokenizer tokenizer, int[] ids) {
        return tokenizer.decodeText(Arrays.stream(ids).boxed().toList());
    }

    private static String streamed(Tokenizer tokenizer, int[] ids) {
        var detokenizer = new Detokenizer(tokenizer);
        var text = new StringBuilder();
        for (int id : ids) {
            text.append(detokenizer.append(id));
        }
        return text.append(detokenizer.finish()).toString();
    }
}
