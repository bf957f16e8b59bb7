package org.wanda4j.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// A safetensors file as a test wants it, right or wrong.
///
/// @param claimed what the first eight bytes say of the header's length
/// @param header as it is written, JSON or not
/// @param data bytes of the tensors
record RawSafetensors(long claimed, String header, byte[] data) {

    /// A file whose length is right.
    static RawSafetensors of(String header, byte[] data) {
        return new RawSafetensors(header.getBytes(StandardCharsets.UTF_8).length, header, data);
    }

    /// Bytes that differ from tensor to tensor, so that a mixed-up one shows.
    static byte[] bytes(int count, int seed) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (31 * i + seed);
        }
        return bytes;
    }

    /// One entry of a header.
    static String tensor(String name, String dtype, String shape, long from, long to) {
        return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                .formatted(name, dtype, shape, from, to);
    }

    Path write(Path file) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes =
                ByteBuffer.allocate(Long.BYTES + json.length + data.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(claimed)
                        .put(json)
                        .put(data);
        return Files.write(file, bytes.array());
    }

    /// Writes the header, and `size` bytes of nothing behind it that take no room on the disk.
    Path writeSparse(Path file, long size) throws IOException {
        write(file);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(data), channel.size() - data.length + size - data.length);
        }
        return file;
    }
}
