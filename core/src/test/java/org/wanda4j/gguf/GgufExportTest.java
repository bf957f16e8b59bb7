package org.wanda4j.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.WordModel;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.checkpoint.GgufFile;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;

/// Against `families.json`, which `src/test/python/gguf_fixtures.py` wrote by the tables of ggml's own Python package.
class GgufExportTest {

    private static final JsonNode EXPECTED =
            Json.read(Path.of("src/test/resources/org/wanda4j/gguf/families.json"));

    @TempDir private Path directory;

    static Stream<String> families() {
        return EXPECTED.propertyStream().map(Map.Entry::getKey);
    }

    @ParameterizedTest
    @MethodSource("families")
    void eachFamilyHasTheTensorsOfLlamaCpp(String name) {
        Path path = export(GoldenFamilies.of(name), Optional.of(GgmlType.F32));
        JsonNode expected = EXPECTED.path(name);
        try (GgufFile file = GgufFile.open(path)) {
            Set<String> names =
                    file.tensors().stream()
                            .map(GgufFile.Tensor::name)
                            .collect(Collectors.toCollection(TreeSet::new));
            assertEquals(new TreeSet<>(expected.propertyNames()), names);
            for (GgufFile.Tensor tensor : file.tensors()) {
                JsonNode own = expected.path(tensor.name());
                assertEquals(
                        own.path("shape").valueStream().map(JsonNode::asLong).toList(),
                        tensor.shape(),
                        tensor.name());
                if (own.has("sha256")) {
                    assertEquals(own.path("sha256").asString(), sha256(file, tensor));
                } else {
                    float[] values = new float[(int) tensor.columns()];
                    tensor.type().decode(file.data(tensor), 0, values);
                    for (int i = 0; i < values.length; i++) {
                        double value = own.path("values").path(i).asDouble();
                        assertEquals(value, values[i], 1e-5 * value, tensor.name());
                    }
                }
            }
        }
    }

    private static String sha256(GgufFile file, GgufFile.Tensor tensor) {
        try {
            return HexFormat.of()
                    .formatHex(
                            MessageDigest.getInstance("SHA-256")
                                    .digest(file.data(tensor).toArray(ValueLayout.JAVA_BYTE)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "opt,llama.cpp has no architecture for model_type 'opt'",
        "qwen2-yarn,'YaRN with beta_fast 32'",
        "cohere-qk-norm,'norms of queries and keys, which it has not'",
        "falcon-rw,'lacks branches that read the same input'",
        "gpt_neox-sequential,'has no bias'",
        "qwen2_moe,not every block of the model is attention and an MLP of one kind",
        "smollm3,all but every fourth block"
    })
    void whatLlamaCppDoesNotComputeIsRefused(String name, String expected) throws IOException {
        var refused =
                assertThrows(
                        InvalidInputException.class,
                        () -> export(GoldenFamilies.of(name), Optional.empty()));
        assertTrue(refused.getMessage().contains(expected), refused.getMessage());
        try (var files = Files.list(directory)) {
            assertEquals(List.of(), files.toList());
        }
    }

    @Test
    void theTypesOfTensors() {
        Path path = export(SharedFiles.tinyLlama(), Optional.of(GgmlType.Q4_0));
        try (GgufFile file = GgufFile.open(path)) {
            assertEquals(2L, file.entries().get("general.file_type"));
            assertEquals(GgmlType.Q8_0, file.find("token_embd.weight").orElseThrow().type());
            assertEquals(GgmlType.Q4_0, file.find("blk.0.attn_q.weight").orElseThrow().type());
            assertEquals(GgmlType.F32, file.find("blk.0.attn_norm.weight").orElseThrow().type());
        }
        // Rows of 24 values are no whole blocks.
        Path odd = export(GoldenFamilies.of("llama2"), Optional.of(GgmlType.Q8_0));
        try (GgufFile file = GgufFile.open(odd)) {
            for (GgufFile.Tensor tensor : file.tensors()) {
                boolean whole = tensor.columns() % 32 == 0;
                assertTrue(tensor.type() != GgmlType.Q8_0 || whole, tensor.toString());
            }
        }
    }

    @Test
    void theTokenizerIsInTheFile() {
        Path path = export(SharedFiles.tinyLlama(), Optional.empty());
        JsonNode tokenizer = Json.read(SharedFiles.tinyLlama().resolve("tokenizer.json"));
        try (GgufFile file = GgufFile.open(path)) {
            assertEquals("gpt2", file.entries().get("tokenizer.ggml.model"));
            assertEquals("smollm", file.entries().get("tokenizer.ggml.pre"));
            assertEquals(false, file.entries().get("tokenizer.ggml.add_bos_token"));
            List<?> tokens = (List<?>) file.entries().get("tokenizer.ggml.tokens");
            tokenizer
                    .path("model")
                    .path("vocab")
                    .forEachEntry((token, id) -> assertEquals(token, tokens.get(id.asInt())));
            List<?> merges = (List<?>) file.entries().get("tokenizer.ggml.merges");
            assertEquals(tokenizer.path("model").path("merges").size(), merges.size());
        }
    }

    @Test
    void aTokenizerWithoutCounterpartIsRefused() throws IOException {
        Path words = WordModel.of(GoldenFamilies.of("llama2"), directory);
        var refused =
                assertThrows(InvalidInputException.class, () -> export(words, Optional.empty()));
        assertTrue(
                refused.getMessage().contains("a tokenizer of type WordLevel"),
                refused.getMessage());
    }

    private Path export(Path model, Optional<GgmlType> type) {
        Path path = directory.resolve(model.getFileName() + ".gguf");
        try (Checkpoint source = Checkpoint.open(model);
                GgufExport export = GgufExport.begin(source, path, type, false)) {
            export.run(_ -> {});
        }
        return path;
    }
}
