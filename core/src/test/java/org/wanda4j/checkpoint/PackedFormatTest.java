package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a packed shard says of itself to programs that do not know the format.
class PackedFormatTest {

    private static final String LINEAR = "q.weight";
    private static final int ZEROS = 64;

    /// What transformers 4.56.2 takes for tensors that lie under the names of the model.
    private static final Set<String> READ_BY_TRANSFORMERS = Set.of("pt", "tf", "flax", "mlx");

    @TempDir private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"{\"format\":\"pt\",\"by\":\"x\"}", "{\"format\":\"tf\"}", "{}"})
    void itIsNoneThatTransformersReadsAndTheModelsOwnComesBack(String metadata) throws IOException {
        Path model = model(metadata);
        Path packed = directory.resolve("packed");
        try (Checkpoint source = Checkpoint.open(model);
                var output = OutputDirectory.claim(packed, model, false)) {
            Packer.pack(
                    source,
                    List.of(MatrixView.whole(LINEAR, 1, 1)),
                    Set.of(),
                    ValueType.BF16,
                    output,
                    _ -> {});
        }
        String format = metadata(packed).get("format");
        assertTrue(!READ_BY_TRANSFORMERS.contains(format), format);
        assertEquals(metadata(model), metadata(unpacked(packed)));
    }

    @Test
    void oneThatSaysPtIsStillReadAndUnpacked() throws IOException {
        Path packed =
                write(
                        """
                        {"__metadata__":{"format":"pt","wanda.encoding":"bitmask","wanda.encoding.version":"1",\
                        "wanda.values":"bf16"},%s,%s,%s,%s}\
                        """
                                .formatted(
                                        tensor(LINEAR + ".compressed", "BF16", "[0]", 24, 24),
                                        tensor(LINEAR + ".bitmask", "U8", "[1,1]", 24, 25),
                                        tensor(LINEAR + ".row_offsets", "I64", "[1]", 0, 8),
                                        tensor(LINEAR + ".shape", "I64", "[2]", 8, 24)),
                        new byte[] {
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0, // row offsets
                            1,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            8,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0,
                            0, // shape
                            0 // bitmask
                        });
        assertEquals(Map.of("format", "pt"), metadata(unpacked(packed)));
    }

    /// Files that the program wrote when it knew these versions alone, with int4 from -7 to 7 and scales above zero; with the digest of
    /// what it unpacked them to.
    @ParameterizedTest
    @CsvSource({
        "version1, af9cfcc8cf3b97130a07463d904e6cbc6664ee0763931cea52136878ad65cbb5",
        "version2, b7a3d6648db4c6e4dcfe3df5b3f8f4662505466650dac45f4acbf318db4b7b77",
    })
    void filesOfEarlierVersionsAreStillRead(String version, String digest) throws Exception {
        Path packed = Files.createDirectory(directory.resolve(version));
        Files.writeString(packed.resolve("config.json"), "{}");
        try (InputStream file =
                getClass().getResourceAsStream("packed/" + version + "/model.safetensors")) {
            Files.copy(file, packed.resolve(Checkpoint.SINGLE));
        }
        byte[] unpacked = Files.readAllBytes(unpacked(packed).resolve(Checkpoint.SINGLE));
        assertEquals(
                digest,
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(unpacked)));
    }

    private Path model(String metadata) throws IOException {
        return write(
                "{\"__metadata__\":%s,%s}"
                        .formatted(metadata, tensor(LINEAR, "BF16", "[1,64]", 0, 2 * ZEROS)),
                new byte[2 * ZEROS]);
    }

    private Path write(String header, byte[] data) throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        Files.writeString(model.resolve("config.json"), "{}", StandardCharsets.UTF_8);
        RawSafetensors.of(header, data).write(model.resolve(Checkpoint.SINGLE));
        return model;
    }

    private Path unpacked(Path packed) {
        Path unpacked = directory.resolve("unpacked");
        try (Checkpoint source = Checkpoint.open(packed);
                var output = OutputDirectory.claim(unpacked, packed, false)) {
            Packer.unpack(source, output, _ -> {});
        }
        return unpacked;
    }

    private static Map<String, String> metadata(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return checkpoint.shards().getFirst().metadata();
        }
    }
}
