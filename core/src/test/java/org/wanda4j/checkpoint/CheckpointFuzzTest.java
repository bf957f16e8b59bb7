package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;

/// Shards and indices of any content: read, or refused in one line.
class CheckpointFuzzTest {

    private static final int LONGEST_ROW = 1 << 16;

    @TempDir private static Path parent;

    /// @param bytes a header, a line end, and the data; the header's length is put before it
    @FuzzTest(maxDuration = "3m")
    void shard(byte[] bytes) throws IOException {
        byte[] header = Hostile.head(bytes, '\n');
        var file = new ByteArrayOutputStream();
        file.write(
                ByteBuffer.allocate(Long.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length)
                        .array());
        file.write(header);
        file.write(Hostile.tail(bytes, '\n'));
        read(file.toByteArray());
    }

    /// @param bytes a whole shard
    @FuzzTest(maxDuration = "3m")
    void wholeShard(byte[] bytes) throws IOException {
        read(bytes);
    }

    private static void read(byte[] shard) throws IOException {
        Path directory = Files.createDirectories(parent.resolve("single"));
        Files.write(directory.resolve(Checkpoint.SINGLE), shard);
        Hostile.isRead(() -> {
            try (Checkpoint checkpoint = Checkpoint.open(directory)) {
                for (TensorInfo tensor : checkpoint.tensors()) {
                    Hostile.isRead(() -> readWhole(checkpoint, tensor));
                    Hostile.isRead(() -> readAsMatrix(checkpoint, tensor));
                }
            }
        });
    }

    private static void readWhole(Checkpoint checkpoint, TensorInfo tensor) {
        try (Arena memory = Arena.ofConfined()) {
            TensorView view = checkpoint.map(tensor.name(), memory);
            assertEquals(tensor.length(), view.data().byteSize());
            if (tensor.type().isWeight()) {
                for (long i = 0; i < tensor.elements(); i++) {
                    tensor.type().get(view.data(), i);
                }
            }
        }
    }

    private static void readAsMatrix(Checkpoint checkpoint, TensorInfo tensor) {
        try (Arena memory = Arena.ofConfined()) {
            PackedMatrix matrix = new Matrices(checkpoint, memory).whole(tensor.name());
            if (matrix.columns() <= LONGEST_ROW) {
                float[] row = new float[matrix.columns()];
                for (int i = 0; i < Math.min(matrix.rows(), LONGEST_ROW); i++) {
                    matrix.decode(i, row);
                }
            }
        }
    }

    /// @param bytes the index of a directory that has the shards `a.safetensors` and `b.safetensors`; another one lies beside it
    @FuzzTest(maxDuration = "3m")
    void index(byte[] bytes) throws IOException {
        Path directory = Files.createDirectories(parent.resolve("indexed"));
        write(directory.resolve("a.safetensors"), "a");
        write(directory.resolve("b.safetensors"), "b");
        write(parent.resolve("c.safetensors"), "c");
        Files.write(directory.resolve(Checkpoint.INDEX), bytes);
        Hostile.isRead(() -> {
            try (Checkpoint checkpoint = Checkpoint.open(directory)) {
                for (Safetensors shard : checkpoint.shards()) {
                    assertEquals(directory, shard.path().normalize().getParent());
                }
            }
        });
    }

    private static void write(Path file, String tensor) throws IOException {
        if (!Files.exists(file)) {
            RawSafetensors.of(
                            "{" + RawSafetensors.tensor(tensor, "U8", "[4]", 0, 4) + "}",
                            "data".getBytes(StandardCharsets.UTF_8))
                    .write(file);
        }
    }
}
