package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The commonest things that are given in place of a model, each with its cause and the mend.
class ModelDirectoryTest {

    private static final String POINTER =
            """
            version https://git-lfs.github.com/spec/v1
            oid sha256:0000000000000000000000000000000000000000000000000000000000000000
            size 269060552
            """;

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    meta-llama/Llama-3.2-1B                        | wanda fetch meta-llama/Llama-3.2-1B
                    https://huggingface.co/meta-llama/Llama-3.2-1B | wanda fetch meta-llama/Llama-3.2-1B
                    /nowhere/model                                 | no such directory; give the folder that holds config.json
                    src/model                                      | no such directory; give the folder that holds config.json
                    """)
    void whatIsNotThereMayBeTheNameOfAModelOfTheHub(String given, String expected) {
        assertRefused(Path.of(given), expected);
    }

    @ParameterizedTest
    @CsvSource({
        "model.gguf,GGUF\3\0\0\0,not a GGUF file",
        "pytorch_model.bin,'PK\3\4',pickled weights",
        "model.safetensors,\20\0\0\0\0\0\0\0{},is a file; give the folder that holds config.json",
        "config.json,{},is a file; give the folder that holds config.json"
    })
    void aFileIsNoModel(String name, String content, String expected) throws IOException {
        assertRefused(write(name, content), expected);
    }

    @Test
    void aPointerIsNamedWhereverItStands() throws IOException {
        String expected =
                " is a git-lfs pointer, not the file itself: fetch that with 'git lfs pull'";
        Path weights = write("model.safetensors", POINTER);
        assertRefused(weights, weights + expected);
        assertRefused(directory, weights + expected);
        Files.delete(weights);
        Path index = write("model.safetensors.index.json", POINTER);
        assertRefused(directory, index + expected);
        write("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"model-1.safetensors\"}}");
        assertRefused(directory, write("model-1.safetensors", POINTER) + expected);
    }

    @Test
    void aWebPageIsNoWeights() throws IOException {
        Path weights = write("model.safetensors", "<!DOCTYPE html><html>Sign in</html>");
        assertRefused(directory, weights + " is a web page, not the file itself");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "snapshots"})
    void aFolderOfTheHubsCacheStandsForItsOneSnapshot(String given) throws IOException {
        Path cached = directory.resolve("models--org--name");
        Path snapshot = Files.createDirectories(cached.resolve("snapshots/0123"));
        Files.createDirectories(cached.resolve("refs"));
        Path blob = Files.createDirectories(cached.resolve("blobs")).resolve("abc");
        RawSafetensors.of("{" + tensor("a", "U8", "[1]", 0, 1) + "}", new byte[1]).write(blob);
        Path weights = snapshot.resolve("model.safetensors");
        Files.createSymbolicLink(weights, snapshot.relativize(blob));
        try (Checkpoint checkpoint = Checkpoint.open(cached.resolve(given))) {
            assertEquals(weights, checkpoint.shards().getFirst().path());
            assertEquals(snapshot, checkpoint.directory());
        }
        Path other = Files.createDirectories(cached.resolve("snapshots/4567"));
        assertRefused(cached.resolve(given), "2 snapshots: give one of " + snapshot + ", " + other);
        Files.delete(blob);
        assertRefused(
                snapshot, "model.safetensors is a link to nothing: the download is incomplete");
        Files.delete(weights);
        Files.delete(snapshot);
        Files.delete(other);
        assertRefused(cached.resolve(given), "no snapshot in it: download the model again");
    }

    @ParameterizedTest
    @CsvSource({
        "pytorch_model.bin,'save_pretrained(..., safe_serialization=True)'",
        "pytorch_model-00001-of-00002.bin,'save_pretrained(..., safe_serialization=True)'",
        "consolidated.00.pth,'save_pretrained(..., safe_serialization=True)'",
        "model.pt,'save_pretrained(..., safe_serialization=True)'",
        "model-Q4_K_M.GGUF,'it holds a GGUF file: give the path of that file itself'",
        "adapter_config.json,'an adapter (LoRA), not a model: merge it into its base model first'",
        "model-00001-of-00002.safetensors,'model.safetensors.index.json, which names the shards, is not there'",
        "model.SAFETENSORS,'holds model.SAFETENSORS, but the weights are looked for in model.safetensors'",
        "inner/config.json,'no model itself, but there is one in '",
        "notes.md,neither model.safetensors nor model.safetensors.index.json is there",
        ",an empty folder"
    })
    void aFolderWithoutWeightsIsNamedByWhatItHolds(String file, String expected)
            throws IOException {
        Path model = Files.createDirectory(directory.resolve("m"));
        if (file != null) {
            Files.createDirectories(model.resolve(file).getParent());
            Files.createFile(model.resolve(file));
        }
        assertRefused(model, expected);
    }

    @Test
    void weightsOfAnotherNameAreNamedBeforeAPickledFileBesideThem() throws IOException {
        write("training_args.bin", "");
        write("weights.safetensors", "");
        assertRefused(directory, "holds weights.safetensors, but the weights are looked for in");
    }

    @Test
    void anAdaptersWeightsAreNotTakenForAModels() throws IOException {
        write("adapter_config.json", "{}");
        write("adapter_model.safetensors", "");
        assertRefused(directory, "an adapter (LoRA)");
    }

    @Test
    void shardsWhoseNamesEndInCapitalsAreRead() throws IOException {
        RawSafetensors.of("{" + tensor("a", "U8", "[1]", 0, 1) + "}", new byte[1])
                .write(directory.resolve("A.SafeTensors"));
        write("model.safetensors.index.json", "\ufeff{\"weight_map\": {\"a\": \"A.SafeTensors\"}}");
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            assertTrue(checkpoint.find("a").isPresent());
        }
    }

    private Path write(String name, String content) throws IOException {
        return Files.writeString(directory.resolve(name), content);
    }

    private static void assertRefused(Path given, String expected) {
        String message =
                assertThrows(InvalidInputException.class, () -> Checkpoint.open(given).close())
                        .getMessage();
        assertTrue(message.contains(expected), message);
        assertEquals(1, message.lines().count());
    }
}
