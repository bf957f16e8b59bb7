package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import tools.jackson.databind.JsonNode;

/// The expected ids are those of transformers; `src/test/python/tokenizer_golden.py` wrote them.
class TokenizerTest {

    private static final JsonNode GOLDEN = Golden.read("tiny-encodings.json");

    @TempDir private Path directory;

    static Stream<JsonNode> encodings() {
        return GOLDEN.path("encodings").valueStream();
    }

    static Stream<JsonNode> configured() {
        return GOLDEN.path("configured").valueStream();
    }

    @ParameterizedTest
    @MethodSource("encodings")
    void givesTheIdsOfTransformers(JsonNode golden) {
        String text = golden.path("text").stringValue();
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] ids = tokenizer.encode(text);
            assertArrayEquals(Golden.ints(golden.path("ids")), ids);
            assertEquals(text, tokenizer.decode(ids));
        }
    }

    @Test
    void aByteOrderMarkChangesNothing() throws IOException {
        Path marked = tinyWith("\ufeff{\"model_max_length\": Infinity}");
        String json = Files.readString(marked.resolve("tokenizer.json"));
        Files.writeString(marked.resolve("tokenizer.json"), "\ufeff" + json);
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama());
                Tokenizer same = Tokenizer.open(marked)) {
            assertArrayEquals(tokenizer.encode("Hello, world"), same.encode("Hello, world"));
        }
    }

    @ParameterizedTest
    @MethodSource("configured")
    void followsTokenizerConfigWhereTransformersDoes(JsonNode golden) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(tinyWith(golden.path("config").toString()))) {
            assertArrayEquals(
                    Golden.ints(golden.path("ids")),
                    tokenizer.encode(golden.path("text").stringValue()));
        }
    }

    @Test
    void encodesALongTextWholly() throws Exception {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            int[] ids = tokenizer.encode(Corpus.bundledEvaluation().text());
            assertEquals(GOLDEN.at("/wikitext2/tokens").intValue(), ids.length);
            assertEquals(GOLDEN.at("/wikitext2/sha256_of_int32").stringValue(), sha256(ids));
        }
    }

    @Test
    void neitherTruncatesNorPadsWhenTheFileSaysSo() throws IOException {
        String json = Files.readString(SharedFiles.tinyLlama().resolve("tokenizer.json"));
        json =
                json.replaceFirst(
                                "\"truncation\": *null",
                                """
                                "truncation": {"direction": "Right", "max_length": 3,
                                    "strategy": "LongestFirst", "stride": 0}\
                                """)
                        .replaceFirst(
                                "\"padding\": *null",
                                """
                                "padding": {"strategy": {"Fixed": 32}, "direction": "Right",
                                    "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
                                    "pad_token": "<|endoftext|>"}\
                                """);
        assertTrue(json.contains("LongestFirst") && json.contains("Fixed"));
        Files.writeString(directory.resolve("tokenizer.json"), json);
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            assertArrayEquals(
                    new int[] {40, 505, 79, 12, 1226, 1}, tokenizer.encode("Hello, world!"));
        }
    }

    @Test
    void knowsHowFarItsIdsReach() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            assertEquals(2048, tokenizer.vocabularySize());
        }
    }

    @Test
    void readsAUnigramVocabularyWhoseIdsArePositions() throws IOException {
        Files.writeString(
                directory.resolve("tokenizer.json"),
                """
                {"model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
                    "vocab": [["<unk>", 0.0], ["a", -2.5], ["b", -2.25], ["ab", -1e-7]]}}\
                """);
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            assertEquals(4, tokenizer.vocabularySize());
            assertArrayEquals(new int[] {3, 1, 0, 2}, tokenizer.encode("aba?b"));
        }
    }

    @Test
    void refusesHalfASurrogatePair() {
        try (Tokenizer tokenizer = Tokenizer.open(SharedFiles.tinyLlama())) {
            assertThrows(InvalidInputException.class, () -> tokenizer.encode("x\ud83dy"));
        }
    }

    @Test
    void saysHowToGetATokenizerThatIsMissing() {
        String message = failure();
        assertTrue(message.startsWith(directory + ": no tokenizer.json"), message);
        assertTrue(message.endsWith(".save_pretrained('" + directory + "')\""), message);
        assertEquals(1, message.lines().count());
    }

    @Test
    void refusesFilesThatAreNoTokenizer() throws IOException {
        for (String json :
                new String[] {
                    "",
                    "[]",
                    "{}",
                    "{\"model\"",
                    "[".repeat(100_000),
                    "{\"model\": {\"vocab\": {}}} x"
                }) {
            Files.writeString(directory.resolve("tokenizer.json"), json);
            assertTrue(failure().startsWith(directory.resolve("tokenizer.json") + ": "), failure());
        }
        Files.writeString(
                directory.resolve("tokenizer.json"),
                "{\"model\": {\"type\": \"Nonsense\", \"vocab\": {\"a\": -3}}}");
        assertTrue(failure().contains("not a tokenizer that can be used"), failure());
    }

    @Test
    void refusesAMarkerThatTheVocabularyLacks() throws IOException {
        tinyWith("{\"tokenizer_class\": \"LlamaTokenizer\"}");
        assertTrue(
                failure().contains("names the token <s>, which tokenizer.json lacks"), failure());
    }

    private String failure() {
        var failure =
                assertThrows(InvalidInputException.class, () -> Tokenizer.open(directory).close());
        return failure.getMessage();
    }

    private Path tinyWith(String config) throws IOException {
        Files.copy(
                SharedFiles.tinyLlama().resolve("tokenizer.json"),
                directory.resolve("tokenizer.json"));
        Files.writeString(directory.resolve("tokenizer_config.json"), config);
        return directory;
    }

    private static String sha256(int[] ids) throws Exception {
        ByteBuffer bytes =
                ByteBuffer.allocate(ids.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(ids);
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()));
    }
}
