package org.wanda4j.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.stream.Stream;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorInfo;

/// A copy of the tiny Llama that a test may break.
record TinyModel(Path directory) {

    static TinyModel copyTo(Path directory) throws IOException {
        Files.createDirectories(directory);
        try (Stream<Path> files = Files.list(SharedFiles.tinyLlama())) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName()));
            }
        }
        return new TinyModel(directory);
    }

    Path weights() {
        return directory.resolve("model.safetensors");
    }

    /// Gives the first element of a bf16 tensor other bits.
    TinyModel poke(String tensor, int bits) throws IOException {
        TensorInfo info;
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            info = checkpoint.info(tensor);
        }
        write(
                info.offset(),
                ByteBuffer.allocate(2)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putShort((short) bits)
                        .flip());
        return this;
    }

    TinyModel write(long position, ByteBuffer bytes) throws IOException {
        try (FileChannel channel = FileChannel.open(weights(), StandardOpenOption.WRITE)) {
            channel.write(bytes, position);
        }
        return this;
    }

    TinyModel truncate(long size) throws IOException {
        try (FileChannel channel = FileChannel.open(weights(), StandardOpenOption.WRITE)) {
            channel.truncate(size);
        }
        return this;
    }

    TinyModel edit(String file, String from, String to) throws IOException {
        Path path = directory.resolve(file);
        String text = Files.readString(path);
        if (!text.contains(from)) {
            throw new AssertionError(path + " does not contain " + from);
        }
        Files.writeString(path, text.replace(from, to), StandardCharsets.UTF_8);
        return this;
    }

    TinyModel without(String file) throws IOException {
        Files.delete(directory.resolve(file));
        return this;
    }
}
