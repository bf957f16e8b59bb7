package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.gguf.GgufExport;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.Tokenizer;

/// A GGUF file gives the model back that was exported to it.
class GgufDirectoryTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama2",
                "llama3",
                "llama-bf16",
                "llama-bias",
                "llama-linear",
                "llama-sharded-fp16",
                "llama-yarn",
                "qwen2",
                "qwen3"
            })
    void theArchitectureAndEveryValueComeBack(String name) {
        Path source = GoldenFamilies.of(name);
        Path imported = directory.resolve("imported");
        GgufDirectory.make(export(source, Optional.empty()), imported, ByteProgress.NONE);
        try (Checkpoint before = Checkpoint.open(source);
                Checkpoint after = Checkpoint.open(imported);
                Arena memory = Arena.ofConfined()) {
            assertEquals(Families.describe(before), Families.describe(after));
            for (TensorInfo tensor : before.tensors()) {
                TensorView expected = before.map(tensor.name(), memory);
                TensorView actual = after.map(tensor.name(), memory);
                assertEquals(expected.shape(), actual.shape(), tensor.name());
                for (long i = 0; i < tensor.elements(); i++) {
                    assertEquals(
                            expected.type().get(expected.data(), i),
                            actual.type().get(actual.data(), i),
                            tensor.name());
                }
            }
        }
    }

    @Test
    void theTokenizerGivesTheSameIds() throws IOException {
        Path imported = directory.resolve("imported");
        GgufDirectory.make(
                export(SharedFiles.tinyLlama(), Optional.empty()), imported, ByteProgress.NONE);
        String text = Files.readString(Path.of("../README.md")) + "\ud83d\ude00 12345 \u00e9";
        try (Tokenizer before = Tokenizer.open(SharedFiles.tinyLlama());
                Tokenizer after = Tokenizer.open(imported)) {
            assertArrayEquals(before.encode(text), after.encode(text));
            assertEquals(before.vocabularySize(), after.vocabularySize());
            assertEquals(before.begin(), after.begin());
            assertEquals(before.end(), after.end());
        }
        assertEquals(source(SharedFiles.tinyLlama()), source(imported));
    }

    private static Optional<String> source(Path model) {
        return ChatTemplate.of(model).map(ChatTemplate::source);
    }

    @Test
    void aQuantisedMatrixIsWhatItDecodesTo() {
        Path file = export(SharedFiles.tinyLlama(), Optional.of(GgmlType.Q8_0));
        Path imported = directory.resolve("imported");
        GgufDirectory.make(file, imported, ByteProgress.NONE);
        try (GgufFile gguf = GgufFile.open(file);
                Checkpoint checkpoint = Checkpoint.open(imported);
                Arena memory = Arena.ofConfined()) {
            GgufFile.Tensor up = gguf.find("blk.1.ffn_up.weight").orElseThrow();
            TensorView read = checkpoint.map("model.layers.1.mlp.up_proj.weight", memory);
            float[] values = new float[Math.toIntExact(up.columns() * up.shape().getFirst())];
            up.type().decode(gguf.data(up), 0, values);
            assertEquals(DType.F32, read.type());
            for (int i = 0; i < values.length; i++) {
                assertEquals(values[i], DType.F32.get(read.data(), i));
            }
        }
    }

    /// SentencePiece's own order of merges, and what it puts before a text.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            ignoreLeadingAndTrailingWhitespace = false,
            value = {"ab ab|1 8 8", "b|1 9", "\u00fc|1 3 11 12", "abab|1 10"})
    void aSentencePieceVocabularyIsRebuilt(String text, String ids) {
        Path file =
                vocabulary(
                        List.of(
                                "<unk>",
                                "<s>",
                                "</s>",
                                "\u2581",
                                "a",
                                "b",
                                "ab",
                                "abab",
                                "\u2581ab",
                                "\u2581b",
                                "\u2581abab",
                                "<0xC3>",
                                "<0xBC>"));
        Path imported = directory.resolve("imported");
        GgufDirectory.make(file, imported, ByteProgress.NONE);
        try (Tokenizer tokenizer = Tokenizer.open(imported)) {
            assertEquals(
                    List.of(ids.split(" ")),
                    Arrays.stream(tokenizer.encode(text)).mapToObj(String::valueOf).toList());
        }
    }

    private Path vocabulary(List<String> tokens) {
        Path file = directory.resolve("spm.gguf");
        Map<String, Object> entries = new LinkedHashMap<>(model());
        entries.put("tokenizer.ggml.model", "llama");
        entries.put("tokenizer.ggml.tokens", tokens);
        entries.put(
                "tokenizer.ggml.scores",
                IntStream.range(0, tokens.size()).mapToObj(i -> -(float) i).toList());
        entries.put("tokenizer.ggml.token_type", List.of(2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 6, 6));
        entries.put("tokenizer.ggml.bos_token_id", 1);
        write(file, entries);
        return file;
    }

    private static Map<String, Object> model() {
        Map<String, Object> entries = new LinkedHashMap<>();
        entries.put("general.architecture", "llama");
        for (String key :
                List.of(
                        "block_count",
                        "context_length",
                        "embedding_length",
                        "feed_forward_length",
                        "attention.head_count")) {
            entries.put("llama." + key, 2);
        }
        entries.put("llama.attention.key_length", 2);
        return entries;
    }

    private static void write(Path file, Map<String, Object> entries) {
        var table = new GgufWriter.Tensor("token_embd.weight", GgmlType.F32, List.of(13L, 2L));
        try (var writer = GgufWriter.create(file, entries, List.of(table), false)) {
            writer.write(MemorySegment.ofArray(new byte[13 * 2 * 4]));
            writer.publish();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "general.architecture,rwkv7,GGUF files of the architecture 'rwkv7' are not read here",
        "tokenizer.ggml.model,bert,a tokenizer of the kind 'bert' is not read here",
        "llama.rope.scaling.type,other,positions are scaled by 'other'",
        "llama.block_count,x,entry llama.block_count is missing or wrong"
    })
    void whatIsNotReadIsNamed(String key, String value, String expected) {
        Map<String, Object> entries = model();
        entries.put(key, value);
        Path file = directory.resolve("other.gguf");
        write(file, entries);
        var refused =
                assertThrows(
                        InvalidInputException.class,
                        () ->
                                GgufDirectory.make(
                                        file, directory.resolve("imported"), ByteProgress.NONE));
        assertTrue(refused.getMessage().contains(expected), refused.getMessage());
        assertTrue(Files.notExists(directory.resolve("imported")));
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
