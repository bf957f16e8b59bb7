package org.wanda4j.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Writes one safetensors file: the header first, then the tensors in any order.
///
/// As in the files that the format's own library writes, tensors with larger elements come first and the header is filled
/// up to whole words, so that every element is aligned.
final class SafetensorsWriter implements Closeable {

    private final FileChannel channel;
    private final Layout layout;

    /// Creates `file` and writes its header.
    ///
    /// @param tensors in the order of the header; where they lie is decided here
    SafetensorsWriter(Path file, Map<String, String> metadata, List<TensorInfo> tensors)
            throws IOException {
        this.layout = new Layout(metadata, tensors);
        this.channel = begin(file, layout.start());
    }

    /// Where the tensors of a file lie, and how it begins.
    static final class Layout {

        private final Map<String, TensorInfo> tensors = new HashMap<>();
        private final MemorySegment start;
        private final long bytes;

        /// @param tensors in the order of the header
        Layout(Map<String, String> metadata, List<TensorInfo> tensors) {
            long end = 0;
            for (TensorInfo tensor : byElementSize(tensors)) {
                this.tensors.put(tensor.name(), tensor.at(end));
                end += tensor.length();
            }
            byte[] header = header(metadata, tensors);
            ByteBuffer first =
                    ByteBuffer.allocate(Long.BYTES + header.length)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(header.length)
                            .put(header)
                            .flip();
            this.start = MemorySegment.ofBuffer(first);
            this.bytes = start.byteSize() + end;
            this.tensors.replaceAll((_, tensor) -> tensor.at(tensor.offset() + start.byteSize()));
        }

        /// All before the first tensor.
        MemorySegment start() {
            return start;
        }

        /// Tensor `name`, with its offset in the file.
        TensorInfo place(String name) {
            return tensors.get(name);
        }

        /// Length of the file.
        long bytes() {
            return bytes;
        }

        private static List<TensorInfo> byElementSize(List<TensorInfo> tensors) {
            return tensors.stream()
                    .sorted(Comparator.comparingInt(tensor -> -tensor.type().bytes()))
                    .toList();
        }

        private byte[] header(Map<String, String> metadata, List<TensorInfo> order) {
            ObjectNode json = JsonNodeFactory.instance.objectNode();
            if (!metadata.isEmpty()) {
                metadata.forEach(json.putObject(Safetensors.METADATA)::put);
            }
            for (TensorInfo listed : order) {
                TensorInfo tensor = tensors.get(listed.name());
                ObjectNode entry = json.putObject(tensor.name()).put("dtype", tensor.type().name());
                tensor.shape().forEach(entry.putArray("shape")::add);
                entry.putArray("data_offsets")
                        .add(tensor.offset())
                        .add(tensor.offset() + tensor.length());
            }
            String text = json.toString();
            int length = text.getBytes(StandardCharsets.UTF_8).length;
            return (text + " ".repeat(-length & 7)).getBytes(StandardCharsets.UTF_8);
        }
    }

    private static FileChannel begin(Path file, MemorySegment start) throws IOException {
        var channel =
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try {
            Disk.writeFully(channel, start, 0);
            return channel;
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    /// Writes all of tensor `name`.
    void write(String name, MemorySegment data) throws IOException {
        TensorInfo tensor = layout.place(name);
        if (data.byteSize() != tensor.length()) {
            throw new IllegalArgumentException(
                    name + ": " + data.byteSize() + " bytes for " + tensor.length());
        }
        Disk.writeFully(channel, data, tensor.offset());
    }

    /// Writes a part of tensor `name`.
    ///
    /// @param from bytes of the tensor before it
    void write(String name, long from, MemorySegment part) throws IOException {
        TensorInfo tensor = layout.place(name);
        Objects.checkFromIndexSize(from, part.byteSize(), tensor.length());
        Disk.writeFully(channel, part, tensor.offset() + from);
    }

    /// Waits until the disk has it.
    void force() throws IOException {
        channel.force(true);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
