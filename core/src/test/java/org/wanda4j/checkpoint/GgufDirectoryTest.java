package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.wanda4j.GoldenFamilies;
import org.wanda4j.SharedFiles;
import org.wanda4j.gguf.GgufExport;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.Tokenizer;

/// A GGUF file gives the model back that was exported to it.
class GgufDirectoryTest {

    @TempDir private Path directory;

    static Stream<String> families() {
        return Json.read(Path.of("src/test/resources/org/wanda4j/gguf/families.json"))
                .propertyStream()
                .map(Map.Entry::getKey);
    }

    /// Those whose architecture comes back in another form: a file does not say that tensors were saved without a head or
    /// beside a vision tower, no `model_type`, no window where llama.cpp has none; a scale that it has no entry for is in the
    /// queries, and one that is there is a float.
    private static final Set<String> OTHERWISE =
            Set.of(
                    "bloom-without-prefix",
                    "gemma2",
                    "gemma3",
                    "gemma3-transformers5",
                    "gemma3_text",
                    "gpt2-without-prefix",
                    "granitemoeshared",
                    "llama-dynamic",
                    "mistral",
                    "mistral-full",
                    "mistral3",
                    "mistral3-transformers5",
                    "mixtral",
                    "phi3",
                    "qwen2-window",
                    "qwen3-without-prefix",
                    "starcoder2");

    static Stream<String> sameFamilies() {
        return families().filter(name -> !OTHERWISE.contains(name));
    }

    @ParameterizedTest
    @MethodSource("sameFamilies")
    void theArchitectureAndEveryValueComeBack(String name) {
        Path source = GoldenFamilies.of(name);
        Path imported = directory.resolve("imported");
        GgufDirectory.make(export(source, Optional.empty()), imported, ByteProgress.NONE);
        try (Checkpoint before = Checkpoint.open(source);
                Checkpoint after = Checkpoint.open(imported);
                Arena memory = Arena.ofConfined()) {
            Architecture model = Families.describe(after);
            assertEquals(Families.describe(before), model);
            for (String tensor : model.tensors().keySet()) {
                TensorView expected = before.map(tensor, memory);
                TensorView actual = after.map(tensor, memory);
                assertEquals(expected.shape(), actual.shape(), tensor);
                for (long i = 0; i < before.info(tensor).elements(); i++) {
                    assertEquals(
                            expected.type().get(expected.data(), i),
                            actual.type().get(actual.data(), i),
                            tensor);
                }
            }
        }
    }

    /// The same file again, but for the model's name: whatever a computation reads came back.
    @ParameterizedTest
    @MethodSource("families")
    void whatWasImportedIsExportedToTheSameFile(String name) {
        Path first = export(GoldenFamilies.of(name), Optional.of(GgmlType.F32));
        Path imported = directory.resolve("imported");
        GgufDirectory.make(first, imported, ByteProgress.NONE);
        Path second = export(imported, Optional.of(GgmlType.F32));
        try (GgufFile before = GgufFile.open(first);
                GgufFile after = GgufFile.open(second)) {
            assertEquals(named(before), named(after));
            assertEquals(List.copyOf(before.tensors()).size(), after.tensors().size());
            for (GgufFile.Tensor tensor : before.tensors()) {
                GgufFile.Tensor again = after.find(tensor.name()).orElseThrow();
                if (name.startsWith("gemma3") && tensor.name().endsWith("_q_norm.weight")) {
                    assertArrayEquals(values(before, tensor), values(after, again), 1e-6f);
                } else {
                    assertEquals(
                            -1, before.data(tensor).mismatch(after.data(again)), tensor.name());
                }
            }
        }
    }

    private static float[] values(GgufFile file, GgufFile.Tensor tensor) {
        long count = tensor.bytes() / tensor.type().blockBytes() * tensor.type().blockValues();
        float[] values = new float[Math.toIntExact(count)];
        tensor.type().decode(file.data(tensor), 0, values);
        return values;
    }

    private static Map<String, Object> named(GgufFile file) {
        Map<String, Object> entries = new LinkedHashMap<>(file.entries());
        entries.remove("general.name");
        return entries;
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

    @ParameterizedTest
    @EnumSource(
            value = GgmlType.class,
            names = {"Q8_0", "Q4_0"})
    void aQuantisedMatrixIsWhatItDecodesTo(GgmlType type) {
        Path file = export(SharedFiles.tinyLlama(), Optional.of(type));
        Path imported = directory.resolve("imported");
        GgufDirectory.make(file, imported, ByteProgress.NONE);
        try (GgufFile gguf = GgufFile.open(file);
                Checkpoint checkpoint = Checkpoint.open(imported);
                Arena memory = Arena.ofConfined()) {
            GgufFile.Tensor up = gguf.find("blk.1.ffn_up.weight").orElseThrow();
            TensorView read = checkpoint.map("model.layers.1.mlp.up_proj.weight", memory);
            float[] values = values(gguf, up);
            assertEquals(type, up.type());
            assertTrue(checkpoint.isEncoded());
            assertEquals(DType.F32, read.type());
            for (int i = 0; i < values.length; i++) {
                assertEquals(values[i], DType.F32.get(read.data(), i));
            }
        }
    }

    /// Rows in another order, fused matrices, slices: a matrix that stays quantised has the values of the import of a file in which all
    /// are decoded.
    @ParameterizedTest
    @MethodSource("families")
    void whatStaysQuantisedHasTheDecodedValues(String name) {
        for (GgmlType type : List.of(GgmlType.Q8_0, GgmlType.Q4_0)) {
            Path quantised = export(GoldenFamilies.of(name), Optional.of(type));
            Path packed = directory.resolve("packed-" + type);
            Path plain = directory.resolve("plain-" + type);
            GgufDirectory.make(quantised, packed, ByteProgress.NONE);
            GgufDirectory.make(decoded(quantised), plain, ByteProgress.NONE);
            try (Checkpoint expected = Checkpoint.open(plain)) {
                assertFalse(expected.isEncoded());
                assertValues(expected, packed);
            }
        }
    }

    /// The same file with all its values in fp32.
    private Path decoded(Path path) {
        return changed(
                path,
                _ -> {},
                tensor -> tensor.type().isQuantised() ? GgmlType.F32 : tensor.type());
    }

    private static void assertValues(Checkpoint expected, Path directory) {
        try (Checkpoint actual = Checkpoint.open(directory);
                Arena memory = Arena.ofConfined()) {
            var matrices = new Matrices(actual, memory);
            assertEquals(expected.tensors().size(), actual.tensors().size());
            for (TensorInfo tensor : expected.tensors()) {
                TensorView before = expected.map(tensor.name(), memory);
                TensorView after = actual.map(tensor.name(), memory);
                assertEquals(before.type(), after.type(), tensor.name());
                assertEquals(before.shape(), after.shape(), tensor.name());
                assertEquals(-1, before.data().mismatch(after.data()), tensor.name());
                if (tensor.shape().size() > 1) {
                    PackedMatrix matrix = matrices.whole(tensor.name());
                    float[] row = new float[matrix.columns()];
                    for (int i = 0; i < matrix.rows(); i++) {
                        matrix.decode(i, row);
                        for (int j = 0; j < row.length; j++) {
                            long index = (long) i * row.length + j;
                            assertEquals(before.type().get(before.data(), index), row[j]);
                        }
                    }
                }
            }
        }
    }

    /// What is made of such a model is ordinary again: a copy with other weights, resumed too, and an unpacked one.
    @Test
    void aCopyOfAModelWithQuantisedMatricesIsOrdinary() {
        String changed = "model.layers.1.mlp.up_proj.weight";
        Path file = export(SharedFiles.tinyLlama(), Optional.of(GgmlType.Q8_0));
        Path imported = directory.resolve("imported");
        GgufDirectory.make(file, imported, ByteProgress.NONE);
        Path copy = directory.resolve("copy");
        Path unpacked = directory.resolve("unpacked");
        try (Checkpoint source = Checkpoint.open(imported);
                Arena memory = Arena.ofShared()) {
            MemorySegment zeros = memory.allocate(source.info(changed).length());
            try (var writer =
                    CheckpointWriter.resume(
                            source, OutputDirectory.claim(copy, imported, false), List.of())) {
                writer.write(changed, zeros);
                writer.writeJournal("{}", List.of());
                writer.settle();
            }
            try (var writer =
                    CheckpointWriter.resume(
                            source,
                            OutputDirectory.resume(copy, imported, false),
                            List.of(changed))) {
                writer.complete();
                writer.publish(Map.of());
            }
            try (var output = OutputDirectory.claim(unpacked, imported, false)) {
                Packer.unpack(source, output, _ -> {});
            }
            try (Checkpoint ordinary = Checkpoint.open(copy)) {
                assertFalse(ordinary.isEncoded());
                for (TensorInfo tensor : source.tensors()) {
                    MemorySegment expected =
                            tensor.name().equals(changed)
                                    ? zeros
                                    : source.map(tensor.name(), memory).data();
                    assertEquals(tensor.type(), ordinary.info(tensor.name()).type());
                    assertEquals(
                            -1,
                            expected.mismatch(ordinary.map(tensor.name(), memory).data()),
                            tensor.name());
                }
            }
            assertValues(source, unpacked);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = GgmlType.class,
            names = {"Q8_0", "Q4_0"})
    void aScaleThatIsNoNumberIsRefused(GgmlType type) throws IOException {
        Path file = export(SharedFiles.tinyLlama(), Optional.of(type));
        long at;
        try (GgufFile gguf = GgufFile.open(file)) {
            GgufFile.Tensor up = gguf.find("blk.1.ffn_up.weight").orElseThrow();
            at = up.offset() + 3L * type.blockBytes();
        }
        byte[] bytes = Files.readAllBytes(file);
        bytes[Math.toIntExact(at)] = 0;
        bytes[Math.toIntExact(at) + 1] = 0x7c;
        Files.write(file, bytes);
        var refused =
                assertThrows(
                        InvalidInputException.class,
                        () ->
                                GgufDirectory.make(
                                        file, directory.resolve("imported"), ByteProgress.NONE));
        assertEquals(
                file + ": tensor blk.1.ffn_up.weight holds an infinite or NaN scale",
                refused.getMessage());
        assertTrue(Files.notExists(directory.resolve("imported")));
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
        return changed(entries -> {
            entries.put("tokenizer.ggml.model", "llama");
            entries.put("tokenizer.ggml.tokens", tokens);
            entries.put(
                    "tokenizer.ggml.scores",
                    IntStream.range(0, tokens.size()).mapToObj(i -> -(float) i).toList());
            entries.put(
                    "tokenizer.ggml.token_type", List.of(2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 6, 6));
            entries.put("tokenizer.ggml.bos_token_id", 1);
        });
    }

    /// The file of a llama with other entries.
    private Path changed(Consumer<Map<String, Object>> change) {
        Path llama = export(GoldenFamilies.of("llama2"), Optional.empty());
        return changed(llama, change, GgufFile.Tensor::type);
    }

    /// A file with other entries, and values of other types.
    private Path changed(
            Path original,
            Consumer<Map<String, Object>> change,
            Function<GgufFile.Tensor, GgmlType> types) {
        Path path = directory.resolve("changed.gguf");
        try (GgufFile file = GgufFile.open(original);
                Arena memory = Arena.ofConfined()) {
            Map<String, Object> entries = new LinkedHashMap<>();
            file.entries().forEach((key, value) -> entries.put(key, narrowed(value)));
            change.accept(entries);
            List<GgufWriter.Tensor> listed =
                    file.tensors().stream()
                            .map(it ->
                                    new GgufWriter.Tensor(it.name(), types.apply(it), it.shape()))
                            .toList();
            try (var writer = GgufWriter.create(path, entries, listed, true)) {
                for (GgufFile.Tensor tensor : file.tensors()) {
                    writer.write(
                            types.apply(tensor) == tensor.type()
                                    ? file.data(tensor)
                                    : memory.allocateFrom(
                                            ValueLayout.JAVA_FLOAT, values(file, tensor)));
                }
                writer.publish();
            }
        }
        return path;
    }

    /// As the writer takes it.
    private static Object narrowed(Object value) {
        return switch (value) {
            case Long number -> number.intValue();
            case Double number -> number.floatValue();
            default -> value;
        };
    }

    @ParameterizedTest
    @CsvSource({
        "general.architecture,rwkv7,GGUF files of the architecture 'rwkv7' are not read here",
        "tokenizer.ggml.model,bert,a tokenizer of the kind 'bert' is not read here",
        "llama.rope.scaling.type,other,positions are scaled by 'other'",
        "llama.block_count,x,entry llama.block_count is missing or wrong",
        "llama.context_length,,entry llama.context_length is missing or wrong",
        "llama.block_count,3,tensor blk.2.attn_norm.weight is missing",
        "llama.block_count,1,tensor blk.1.attn_k.weight is not one of the architecture 'llama'",
        "llama.block_count,2000000000,but the file has only",
        "llama.embedding_length,64,'tensor token_embd.weight has shape [96, 32], but its entries ask for [96, 64]'",
        "llama.attention.head_count,0,entry llama.attention.head_count is missing or wrong",
        "llama.attention.head_count_kv,3,'num_key_value_heads must divide num_attention_heads'",
        "llama.attention.key_length,7,its heads are 7 wide",
        "llama.rope.dimension_count,2,entry llama.rope.dimension_count is 2 for heads of 8"
    })
    void whatIsNotReadIsNamed(String key, String value, String expected) {
        Path file =
                changed(entries -> {
                    if (value == null) {
                        entries.remove(key);
                    } else if (value.matches("\\d+")) {
                        entries.put(key, Integer.parseInt(value));
                    } else {
                        entries.put(key, value);
                    }
                });
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
                GgufExport export = GgufExport.begin(source, path, type, true)) {
            export.run(_ -> {});
        }
        return path;
    }
}
