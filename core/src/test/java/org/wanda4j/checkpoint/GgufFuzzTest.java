package org.wanda4j.checkpoint;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;

/// GGUF files of any content: read, or refused in one line.
class GgufFuzzTest {

    private static final int LONGEST = 1 << 16;

    @TempDir private static Path parent;

    /// @param bytes a whole file
    @FuzzTest(maxDuration = "3m")
    void file(byte[] bytes) throws IOException {
        Path path = Files.write(parent.resolve("any.gguf"), bytes);
        Hostile.isRead(() -> {
            try (GgufFile file = GgufFile.open(path)) {
                for (GgufFile.Tensor tensor : file.tensors()) {
                    int values = (int) Math.min(LONGEST, tensor.columns());
                    int whole = values / tensor.type().blockValues() * tensor.type().blockValues();
                    tensor.type().decode(file.data(tensor), 0, new float[whole]);
                }
            }
        });
    }

    /// @param bytes a whole file, read as a model
    @FuzzTest(maxDuration = "3m")
    void model(byte[] bytes) throws IOException {
        Path path = Files.write(parent.resolve("model.gguf"), bytes);
        Path directory = parent.resolve("model");
        if (Hostile.isRead(() -> GgufDirectory.make(path, directory, ByteProgress.NONE))) {
            Hostile.isRead(() -> Checkpoint.open(directory).close());
            Disk.deleteTree(directory);
        }
    }
}
