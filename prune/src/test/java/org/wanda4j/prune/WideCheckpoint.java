package org.wanda4j.prune;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A copy of a checkpoint whose bf16 values are kept as fp32.
final class WideCheckpoint {

    private static final String WEIGHTS = "model.safetensors";

    private WideCheckpoint() {}

    /// @param model whose one safetensors file holds nothing but bf16
    /// @return `directory`, with the copy in it
    static Path of(Path model, Path directory) throws IOException {
        Files.createDirectory(directory);
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Path copy = directory.resolve(file.getFileName());
                if (file.endsWith(WEIGHTS)) {
                    Files.write(copy, widened(Files.readAllBytes(file)));
                } else {
                    Files.copy(file, copy);
                }
            }
        }
        return directory;
    }

    /// bf16 is the upper half of fp32, which comes last in memory.
    private static byte[] widened(byte[] file) {
        var from = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int start = Long.BYTES + Math.toIntExact(from.getLong());
        byte[] header = header(Arrays.copyOfRange(file, Long.BYTES, start));
        var into =
                ByteBuffer.allocate(Long.BYTES + header.length + 2 * (file.length - start))
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length)
                        .put(header);
        from.position(start);
        while (from.hasRemaining()) {
            into.putShort((short) 0).putShort(from.getShort());
        }
        return into.array();
    }

    private static byte[] header(byte[] bf16) {
        JsonNode tensors = Json.parse(bf16, WEIGHTS);
        for (JsonNode tensor : tensors) {
            if (tensor.get("data_offsets") instanceof ArrayNode offsets) {
                ((ObjectNode) tensor).put("dtype", "F32");
                for (int i = 0; i < offsets.size(); i++) {
                    offsets.set(i, 2 * offsets.get(i).asLong());
                }
            }
        }
        String text = tensors.toString();
        return (text + " ".repeat(-text.length() & 7)).getBytes(StandardCharsets.UTF_8);
    }
}
