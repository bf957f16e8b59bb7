package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.bytes;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {

    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";

    /// Not in the order of the data, with metadata, escapes and padding: nothing that a rewritten header would keep.
    private static final String HEADER =
            "{ \"__metadata__\":{\"format\":\"pt\",\"who\":\"\\u0077e\"}, "
                    + tensor("late", "F32", "[2,2]", 20, 36)
                    + ", "
                    + tensor("early", "BF16", "[2,3]", 0, 12)
                    + ","
                    + tensor("odd", "U8", "[8]", 12, 20)
                    + " }   ";

    @TempDir private Path directory;

    private Path model;

    @BeforeEach
    void writeModel() throws IOException {
        model = Files.createDirectory(directory.resolve("model"));
        RawSafetensors.of(HEADER, bytes(36, 1)).write(model.resolve(FIRST));
        RawSafetensors.of("{" + tensor("other", "F16", "[5]", 0, 10) + "}", bytes(10, 2))
                .write(model.resolve(SECOND));
        Files.writeString(
                model.resolve(Checkpoint.INDEX),
                "{\"weight_map\":{\"late\":\"%s\",\"early\":\"%s\",\"odd\":\"%s\",\"other\":\"%s\"}}"
                        .formatted(FIRST, FIRST, FIRST, SECOND));
        Files.writeString(model.resolve("config.json"), "{\"model_type\": \"llama\"}\r\n");
        Files.writeString(model.resolve("tokenizer.json"), "{}");
    }

    @Test
    void onlyWhatIsWrittenDiffers() throws IOException {
        copy(Map.of("early", bytes(12, 99)));
        byte[] expected = Files.readAllBytes(model.resolve(FIRST));
        System.arraycopy(
                bytes(12, 99), 0, expected, 8 + HEADER.getBytes(StandardCharsets.UTF_8).length, 12);
        assertArrayEquals(expected, Files.readAllBytes(out().resolve(FIRST)));
        assertSame(SECOND);
    }

    @Test
    void aCopyInWhichNothingIsWrittenIsTheSame() throws IOException {
        copy(Map.of());
        for (String file :
                List.of(FIRST, SECOND, Checkpoint.INDEX, "config.json", "tokenizer.json")) {
            assertSame(file);
        }
    }

    @Test
    void aCopyDoesNotSpeakOfAQuantisationThatThereIsNot() throws IOException {
        String quantised =
                "{\"model_type\": \"gemma3\", \"eps\": 1e-05, \"quantization_config\": {\"quant_method\": \"fp8\"},"
                        + " \"text_config\": {\"quantization_config\": {}, \"hidden_size\": 4}}";
        Files.writeString(model.resolve("config.json"), quantised);
        copy(Map.of());
        assertEquals(
                Json.parse(
                        "{\"model_type\": \"gemma3\", \"eps\": 1e-05, \"text_config\": {\"hidden_size\": 4}}"
                                .getBytes(StandardCharsets.UTF_8),
                        "expected"),
                Json.read(out().resolve("config.json")));
        assertEquals(quantised, Files.readString(model.resolve("config.json")));
        try (Checkpoint source = Checkpoint.open(model);
                Checkpoint copy = Checkpoint.open(out())) {
            assertEquals(
                    List.of(
                            "the weights are not quantised, so quantization_config is left out of the output's config.json"),
                    source.remarks());
            assertEquals(List.of(), copy.remarks());
        }
    }

    @Test
    void aCopyInWhichEverythingIsWrittenHasTheSameHeaders() throws IOException {
        copy(
                Map.of(
                        "early",
                        new byte[12],
                        "late",
                        new byte[16],
                        "odd",
                        new byte[8],
                        "other",
                        new byte[10]));
        byte[] expected =
                Arrays.copyOf(
                        Files.readAllBytes(model.resolve(FIRST)),
                        8 + HEADER.getBytes(StandardCharsets.UTF_8).length);
        assertArrayEquals(
                Arrays.copyOf(expected, expected.length + 36),
                Files.readAllBytes(out().resolve(FIRST)));
    }

    @Test
    void namesOrderTypesShapesAndShardsStay() throws IOException {
        copy(Map.of("other", new byte[10], "late", new byte[16]));
        try (Checkpoint before = Checkpoint.open(model);
                Checkpoint after = Checkpoint.open(out())) {
            assertEquals(List.copyOf(before.tensors()), List.copyOf(after.tensors()));
            for (TensorInfo tensor : before.tensors()) {
                assertEquals(
                        before.shardOf(tensor.name()).path().getFileName(),
                        after.shardOf(tensor.name()).path().getFileName());
            }
        }
    }

    @Test
    void aTensorOfMoreThanAChunkIsWrittenWhole() throws IOException {
        int size = (8 << 20) * 2 + 10;
        Files.delete(model.resolve(Checkpoint.INDEX));
        RawSafetensors.of(
                        "{" + tensor("large", "U8", "[" + size + "]", 0, size) + "}",
                        new byte[size])
                .write(model.resolve(Checkpoint.SINGLE));
        byte[] data = bytes(size, 5);
        copy(Map.of("large", data));
        byte[] written = Files.readAllBytes(out().resolve(Checkpoint.SINGLE));
        assertArrayEquals(data, Arrays.copyOfRange(written, written.length - size, written.length));
    }

    @Test
    void plainFilesComeAlongButNoOtherWeightsAndNoOldDocuments() throws IOException {
        for (String file :
                List.of("LICENSE", "merges.txt", "chat_template.jinja", "generation_config.json")) {
            Files.writeString(model.resolve(file), file);
        }
        for (String file :
                List.of(
                        "pytorch_model.bin",
                        "pytorch_model.bin.index.json",
                        "model.gguf",
                        "tf_model.h5",
                        "unindexed.safetensors",
                        "wanda-report.json",
                        "wanda-recipe.json",
                        ".gitattributes")) {
            Files.writeString(model.resolve(file), file);
        }
        Files.createDirectory(model.resolve("onnx"));
        copy(Map.of());
        assertEquals(
                Set.copyOf(
                        List.of(
                                "LICENSE",
                                "merges.txt",
                                "chat_template.jinja",
                                "generation_config.json",
                                "config.json",
                                "tokenizer.json",
                                "wanda-new.json",
                                FIRST,
                                SECOND,
                                Checkpoint.INDEX)),
                filesOf(out()));
        assertEquals("a document\n", Files.readString(out().resolve("wanda-new.json")));
    }

    @Test
    void anIndexOfShardsThatAreNotReadStaysBehind() throws IOException {
        RawSafetensors.of("{}", new byte[0]).write(model.resolve(Checkpoint.SINGLE));
        copy(Map.of());
        assertEquals(
                Set.copyOf(
                        List.of(
                                "config.json",
                                "tokenizer.json",
                                "wanda-new.json",
                                Checkpoint.SINGLE)),
                filesOf(out()));
    }

    @Test
    void linkedFilesAreCopiedAsFiles() throws IOException {
        for (String file : List.of(FIRST, "tokenizer.json")) {
            Path blob = directory.resolve("blob-" + file);
            Files.move(model.resolve(file), blob);
            Files.createSymbolicLink(model.resolve(file), blob);
        }
        copy(Map.of("odd", new byte[8]));
        for (String file : List.of(FIRST, "tokenizer.json")) {
            assertTrue(
                    Files.isRegularFile(
                            out().resolve(file), java.nio.file.LinkOption.NOFOLLOW_LINKS));
        }
        assertArrayEquals(
                bytes(36, 1),
                Arrays.copyOfRange(
                        Files.readAllBytes(directory.resolve("blob-" + FIRST)),
                        8 + HEADER.getBytes(StandardCharsets.UTF_8).length,
                        8 + HEADER.getBytes(StandardCharsets.UTF_8).length + 36));
    }

    @Test
    void dataOfAnotherLengthIsAFaultOfTheCaller() throws IOException {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            assertThrows(
                    IllegalArgumentException.class,
                    () -> writer.write("odd", MemorySegment.ofArray(new byte[7])));
            assertThrows(
                    InvalidInputException.class,
                    () -> writer.write("none", MemorySegment.ofArray(new byte[7])));
        }
        assertNothingLeft();
    }

    @Test
    void aRunThatDoesNotPublishLeavesNothing() throws IOException {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            writer.write("odd", MemorySegment.ofArray(new byte[8]));
            writer.complete();
            assertFalse(Files.exists(out()));
        }
        assertNothingLeft();
    }

    @Test
    void anInputThatShrinksMeanwhileIsNoticed() throws IOException {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            Files.write(model.resolve(SECOND), new byte[3]);
            var failure = assertThrows(InvalidInputException.class, writer::complete);
            assertTrue(failure.getMessage().contains("became shorter"), failure.getMessage());
        }
        assertNothingLeft();
    }

    private void copy(Map<String, byte[]> values) {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            values.forEach((name, data) -> writer.write(name, MemorySegment.ofArray(data)));
            writer.complete();
            writer.publish(Map.of("wanda-new.json", "a document\n"));
        }
    }

    private OutputDirectory claim() {
        return OutputDirectory.claim(out(), model, false);
    }

    private Path out() {
        return directory.resolve("out");
    }

    private void assertSame(String file) throws IOException {
        assertEquals(-1, Files.mismatch(model.resolve(file), out().resolve(file)), file);
    }

    private void assertNothingLeft() throws IOException {
        assertEquals(Set.copyOf(List.of("model")), filesOf(directory));
    }

    private static Set<String> filesOf(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toSet());
        }
    }
}
