package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.bytes;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {

    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";

    @TempDir private Path directory;

    @BeforeEach
    void writeShards() throws IOException {
        shard(FIRST, "a");
        shard(SECOND, "b");
        Files.writeString(directory.resolve("config.json"), "{}");
    }

    @Test
    void tensorsOfAllShardsAreFound() throws IOException {
        index(
                "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"b\":\""
                        + SECOND
                        + "\",\"a\":\""
                        + FIRST
                        + "\"}}");
        try (Checkpoint checkpoint = Checkpoint.open(directory);
                Arena memory = Arena.ofConfined()) {
            assertEquals(
                    List.of("a", "b"),
                    checkpoint.tensors().stream().map(TensorInfo::name).toList());
            assertEquals(directory.resolve(SECOND), checkpoint.shardOf("b").path());
            assertEquals(4, checkpoint.map("b", memory).data().byteSize());
            assertEquals(Optional.empty(), checkpoint.find("c"));
            assertMessage(
                    "there is no tensor c",
                    assertThrows(InvalidInputException.class, () -> checkpoint.info("c")));
            assertEquals(
                    Files.size(directory.resolve(FIRST)) + Files.size(directory.resolve(SECOND)),
                    checkpoint.bytes());
        }
    }

    @Test
    void oneFileGoesBeforeAnIndexAsInTransformers() throws IOException {
        index("{\"weight_map\":{\"a\":\"" + FIRST + "\"}}");
        shard(Checkpoint.SINGLE, "single");
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            assertTrue(checkpoint.find("single").isPresent());
            assertTrue(checkpoint.find("a").isEmpty());
        }
    }

    @Test
    void linksAreFollowed() throws IOException {
        Path hub = Files.createDirectory(directory.resolve("hub"));
        Path blob = shard("hub/0123abcd", "linked");
        Path model = Files.createDirectory(directory.resolve("snapshot"));
        Files.createSymbolicLink(model.resolve(Checkpoint.SINGLE), model.relativize(blob));
        Files.createSymbolicLink(directory.resolve("link"), model);
        try (Checkpoint checkpoint = Checkpoint.open(directory.resolve("link"))) {
            assertTrue(checkpoint.find("linked").isPresent());
        }
        assertTrue(Files.exists(hub));
    }

    @Test
    void linksThatLeadToOneAnotherAreRefused() throws IOException {
        Path model = Files.createDirectory(directory.resolve("circle"));
        Files.createSymbolicLink(model.resolve(Checkpoint.SINGLE), Path.of("other.safetensors"));
        Files.createSymbolicLink(model.resolve("other.safetensors"), Path.of(Checkpoint.SINGLE));
        Files.createFile(model.resolve("pytorch_model.bin"));
        assertRefused(model, "is a link to nothing");
        Files.createSymbolicLink(model.resolve(Checkpoint.INDEX), Path.of(Checkpoint.INDEX));
        assertRefused(model, "is a link to nothing");
    }

    @Test
    void twoNamesOfOneShardAreRefused() throws IOException {
        shard("c.safetensors", "c");
        Files.createSymbolicLink(directory.resolve("d.safetensors"), Path.of("c.safetensors"));
        index("{\"weight_map\":{\"c\":\"c.safetensors\",\"x\":\"d.safetensors\"}}");
        assertRefused(directory, "tensor c is in d.safetensors and in c.safetensors");
    }

    @Test
    void aMissingShardIsNamed() throws IOException {
        index("{\"weight_map\":{\"a\":\"" + FIRST + "\",\"c\":\"model-00003.safetensors\"}}");
        assertRefused(
                directory,
                "of the 2 shards that it names 1 are not there, first model-00003.safetensors: the download is incomplete");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../" + FIRST,
                "/etc/passwd",
                "/tmp/model.safetensors",
                "sub/" + FIRST,
                "..",
                ".safetensors",
                "..\\\\x.safetensors",
                "C:\\\\x.safetensors",
                "a\\u0000.safetensors",
                "a\\nb.safetensors",
                "model.bin",
                ""
            })
    void anIndexThatNamesMoreThanAFileOfItsDirectoryIsRefused(String shard) throws IOException {
        index("{\"weight_map\":{\"a\":\"" + shard + "\"}}");
        assertRefused(directory, "is not the name of a safetensors file in this directory");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"weight_map\":{}}",
                "{\"weight_map\":7}",
                "{\"weight_map\":[\"a\"]}"
            })
    void anIndexThatNamesNoShardIsRefused(String index) throws IOException {
        index(index);
        assertRefused(directory, "it has no weight_map");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "null", "{", "{\"weight_map\":{\"a\":\"x\"}} {}"})
    void anIndexThatIsNoJsonObjectIsRefused(String index) throws IOException {
        index(index);
        assertRefused(directory, "JSON");
    }

    @Test
    void anIndexOfDeepNestingIsRefused() throws IOException {
        index("{\"weight_map\":" + "[".repeat(100_000));
        assertRefused(directory, "not valid JSON");
    }

    @Test
    void aTensorInAnotherShardThanTheIndexSaysIsRefused() throws IOException {
        index("{\"weight_map\":{\"a\":\"" + SECOND + "\",\"b\":\"" + FIRST + "\"}}");
        assertRefused(directory, "tensor a is not in " + SECOND + ", where it should be");
        index("{\"weight_map\":{\"a\":\"" + FIRST + "\",\"c\":\"" + SECOND + "\"}}");
        assertRefused(directory, "tensor c is not in " + SECOND);
    }

    @Test
    void aTensorInTwoShardsIsRefused() throws IOException {
        shard(SECOND, "a");
        index("{\"weight_map\":{\"a\":\"" + FIRST + "\",\"b\":\"" + SECOND + "\"}}");
        assertRefused(directory, "tensor a is in " + SECOND + " and in " + FIRST);
    }

    @Test
    void theDigestDependsOnEveryByteOfWeightsAndConfiguration() throws IOException {
        index("{\"weight_map\":{\"a\":\"" + FIRST + "\",\"b\":\"" + SECOND + "\"}}");
        String before = digest();
        assertEquals(before, digest());
        assertEquals(64, before.length());
        Files.writeString(directory.resolve("config.json"), "{ }");
        String after = digest();
        assertNotEquals(before, after);
        shard(SECOND, "b", 1);
        assertNotEquals(after, digest());
    }

    private String digest() {
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            return checkpoint.sha256();
        }
    }

    private Path shard(String file, String tensor) throws IOException {
        return shard(file, tensor, 0);
    }

    private Path shard(String file, String tensor, int seed) throws IOException {
        return RawSafetensors.of("{" + tensor(tensor, "BF16", "[2]", 0, 4) + "}", bytes(4, seed))
                .write(directory.resolve(file));
    }

    private void index(String json) throws IOException {
        Files.writeString(directory.resolve(Checkpoint.INDEX), json);
    }

    private static void assertRefused(Path directory, String expected) {
        assertMessage(
                expected,
                assertThrows(
                        InvalidInputException.class, () -> Checkpoint.open(directory).close()));
    }

    private static void assertMessage(String expected, InvalidInputException refusal) {
        assertTrue(refusal.getMessage().contains(expected), refusal.getMessage());
    }
}
