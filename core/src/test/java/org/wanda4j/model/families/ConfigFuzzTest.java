package org.wanda4j.model.families;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Attention;
import org.wanda4j.text.EndTokens;

/// A `config.json` of any content: describes a model that can be run, or is refused in one line.
class ConfigFuzzTest {

    private static final String WEIGHTS = "model.safetensors";

    @TempDir private static Path directory;

    /// @param bytes the configuration of the weights of the tiny model
    @FuzzTest(maxDuration = "3m")
    void config(byte[] bytes) throws IOException {
        if (!Files.exists(directory.resolve(WEIGHTS))) {
            Files.createSymbolicLink(
                    directory.resolve(WEIGHTS), SharedFiles.tinyLlama().resolve(WEIGHTS));
        }
        Hostile.put(directory, "config.json", bytes);
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            Hostile.isRead(() ->
                    Families.describe(ModelConfig.read(directory), checkpoint)
                            .blocks()
                            .forEach(block -> block.attentions().forEach(ConfigFuzzTest::check)));
            Hostile.isRead(() -> Families.describe(checkpoint));
        }
        Hostile.isRead(() -> EndTokens.of(directory, OptionalInt.empty()));
    }

    private static void check(Attention attention) {
        assertTrue(attention.heads() % attention.keyValueHeads() == 0);
        attention.rotary().filter(it -> it.size() <= 1 << 16).ifPresent(it -> it.frequencies(64));
    }
}
