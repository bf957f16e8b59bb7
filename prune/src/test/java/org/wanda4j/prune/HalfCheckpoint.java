package org.wanda4j.prune;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorInfo;

/// A copy of a bf16 checkpoint in fp16, in which one tensor is so small that new values of it round to zero.
final class HalfCheckpoint {

    private static final String WEIGHTS = "model.safetensors";

    /// Brings weights of about 0.02 to a few times the least fp16 number, 2^-24.
    private static final float SMALL = 0x1p-17f;

    private HalfCheckpoint() {}

    /// @param model whose one safetensors file holds nothing but bf16
    /// @param small name of the tensor
    static void write(Path model, String small, Path directory) throws IOException {
        Files.createDirectory(directory);
        try (Stream<Path> files = Files.list(model);
                Checkpoint checkpoint = Checkpoint.open(model)) {
            for (Path file : files.toList()) {
                byte[] bytes = Files.readAllBytes(file);
                if (file.endsWith(WEIGHTS)) {
                    convert(bytes, checkpoint, small);
                }
                Files.write(directory.resolve(file.getFileName()), bytes);
            }
        }
    }

    private static void convert(byte[] file, Checkpoint checkpoint, String small) {
        var data = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int header = Math.toIntExact(data.getLong(0));
        byte[] text =
                new String(file, Long.BYTES, header, StandardCharsets.UTF_8)
                        .replace("\"BF16\"", "\"F16\" ")
                        .getBytes(StandardCharsets.UTF_8);
        data.put(Long.BYTES, text);
        for (TensorInfo tensor : checkpoint.tensors()) {
            float scale = tensor.name().equals(small) ? SMALL : 1;
            for (long at = 0; at < tensor.length(); at += Short.BYTES) {
                int place = Math.toIntExact(tensor.offset() + at);
                float value = Float.intBitsToFloat(data.getShort(place) << 16);
                data.putShort(place, Float.floatToFloat16(value * scale));
            }
        }
    }
}
