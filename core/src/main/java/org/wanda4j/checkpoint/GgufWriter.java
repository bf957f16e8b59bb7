package org.wanda4j.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/// Writes a GGUF file, which appears when it is complete: the header first, then the tensors in their order.
///
///     "GGUF", version 3, number of tensors, number of entries
///     entries    key, type, value
///     tensors    name, number of dimensions, extents (innermost first), type, offset from the data's start
///     data       each tensor at a multiple of 32
///
/// Numbers are little-endian; a text is its length in 8 bytes and its UTF-8. Source of the format:
/// <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.
public final class GgufWriter implements AutoCloseable {

    static final int MAGIC = 0x46554747;
    static final int VERSION = 3;
    static final int ALIGNMENT = 32;

    private final Path target;
    private final Path partial;
    private final FileChannel channel;
    private final List<Tensor> tensors;
    private long position;
    private int next;
    private long left;
    private final Thread onExit = new Thread(this::leave, "leave-gguf");
    private boolean published;
    private boolean gone;

    /// A tensor of the file.
    ///
    /// @param shape extents, outermost first
    public record Tensor(String name, GgmlType type, List<Long> shape) {

        /// Copies the shape.
        public Tensor {
            shape = List.copyOf(shape);
        }

        /// Length of its data.
        public long bytes() {
            return type.bytes(shape.stream().reduce(1L, Math::multiplyExact));
        }
    }

    private GgufWriter(Path target, List<Tensor> tensors) throws IOException {
        this.target = target;
        this.partial = target.resolveSibling(target.getFileName() + ".partial");
        this.tensors = List.copyOf(tensors);
        this.channel =
                FileChannel.open(partial, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }

    /// Whether no other run writes to the file. Where the file system has no locks, it is taken for so.
    private boolean isAlone() {
        try {
            return channel.tryLock() != null; // until it is closed
        } catch (OverlappingFileLockException e) {
            return false; // another thread's
        } catch (IOException e) {
            return true;
        }
    }

    private void begin(byte[] header) throws IOException {
        Runtime.getRuntime().addShutdownHook(onExit);
        channel.truncate(0);
        Disk.writeFully(channel, MemorySegment.ofArray(header), 0);
        position = header.length;
    }

    /// Begins `target`.
    ///
    /// @param entries `Integer` (as 32 bits without a sign), `Float`, `Boolean` or `String`, or a list of one of these that is not
    ///     empty; integers of a list have a sign
    /// @param force whether a file that is there is replaced
    /// @throws InvalidInputException when there is such a file, no directory for it, or no space
    public static GgufWriter create(
            Path target, Map<String, ?> entries, List<Tensor> tensors, boolean force) {
        check(target, force);
        Path directory = target.toAbsolutePath().getParent();
        byte[] header = header(entries, tensors);
        try {
            long bytes = header.length;
            for (Tensor tensor : tensors) {
                bytes += padded(tensor.bytes());
            }
            long free = FreeSpace.of(directory);
            if (free < bytes) {
                throw new InvalidInputException(
                        "%s: the file needs %,d MB and its disk has %,d MB free; make room or choose another disk"
                                .formatted(target, (bytes >> 20) + 1, free >> 20));
            }
            var writer = new GgufWriter(target, tensors);
            if (!writer.isAlone()) {
                writer.channel.close();
                throw new InvalidInputException(
                        target
                                + ": another run is writing there; wait for it, or choose another name");
            }
            try {
                writer.begin(header);
                return writer;
            } catch (IOException e) {
                writer.close();
                throw e;
            }
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    /// Checks that `target` can be a new file.
    ///
    /// @param force whether a GGUF file that is there is replaced
    /// @throws InvalidInputException when there is one that is not to be replaced, or no directory for it
    public static void check(Path target, boolean force) {
        if (Disk.exists(target) && !(force && Files.isRegularFile(target))) {
            throw new InvalidInputException(
                    target
                            + " is there already; "
                            + (Files.isDirectory(target)
                                    ? "name a file"
                                    : "choose another name, or replace it with --force"));
        }
        if (Disk.exists(target) && !GgufDirectory.is(target)) {
            throw new InvalidInputException(
                    target
                            + " is there and is no GGUF file, so --force does not replace it; choose another name");
        }
        Path directory = target.toAbsolutePath().getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            throw new InvalidInputException(target + ": there is no directory " + directory);
        }
    }

    /// Writes the next bytes of the data: tensor after tensor, each in parts of any size.
    public void write(MemorySegment data) {
        try {
            if (left == 0) {
                left = tensors.get(next++).bytes();
            }
            if (data.byteSize() > left) {
                throw new IllegalArgumentException("more than " + tensors.get(next - 1));
            }
            Disk.writeFully(channel, data, position);
            position += data.byteSize();
            left -= data.byteSize();
            if (left == 0) {
                position = padded(position);
            }
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    /// Gives the file its name, once the disk has all of it.
    public synchronized void publish() {
        if (next < tensors.size() || left > 0) {
            throw new IllegalStateException("tensors are missing");
        }
        if (gone) {
            throw new InvalidInputException(target + ": stopped before it got its name");
        }
        try {
            if (channel.size() < position) {
                Disk.writeFully(channel, MemorySegment.ofArray(new byte[1]), position - 1);
            }
            channel.force(true);
            Files.move(
                    partial,
                    target,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            published = true;
            channel.close(); // With the lock: no other run has begun in the file that was renamed.
            Disk.forceDirectory(target.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(onExit);
        } catch (IllegalStateException e) {
            return; // the process is ending, and the shutdown hook does the rest
        }
        leave();
    }

    /// Deletes what has no name yet.
    private synchronized void leave() {
        if (gone) {
            return; // The name may be another run's by now.
        }
        gone = true;
        try {
            if (!published) {
                Files.deleteIfExists(partial);
            }
            channel.close();
        } catch (IOException e) {
            throw failed(target, e);
        }
    }

    private static InvalidInputException failed(Path target, IOException cause) {
        return new InvalidInputException("cannot write " + target + ": " + Reason.of(cause), cause);
    }

    private static long padded(long length) {
        return Math.ceilDiv(length, (long) ALIGNMENT) * ALIGNMENT;
    }

    private static byte[] header(Map<String, ?> entries, List<Tensor> tensors) {
        var bytes = new Header();
        bytes.putInt(MAGIC);
        bytes.putInt(VERSION);
        bytes.putLong(tensors.size());
        bytes.putLong(entries.size());
        for (var entry : entries.entrySet()) {
            bytes.putText(entry.getKey());
            bytes.putValue(entry.getValue());
        }
        long offset = 0;
        for (Tensor tensor : tensors) {
            bytes.putText(tensor.name());
            bytes.putInt(tensor.shape().size());
            tensor.shape().reversed().forEach(bytes::putLong);
            bytes.putInt(tensor.type().code());
            bytes.putLong(offset);
            offset += padded(tensor.bytes());
        }
        return bytes.padded();
    }

    /// Type numbers of entries.
    static final class EntryType {
        static final int UINT8 = 0;
        static final int INT8 = 1;
        static final int UINT16 = 2;
        static final int INT16 = 3;
        static final int UINT32 = 4;
        static final int INT32 = 5;
        static final int FLOAT32 = 6;
        static final int BOOL = 7;
        static final int STRING = 8;
        static final int ARRAY = 9;
        static final int UINT64 = 10;
        static final int INT64 = 11;
        static final int FLOAT64 = 12;

        private EntryType() {}

        private static int of(Object value) {
            return switch (value) {
                case Integer _ -> UINT32;
                case Float _ -> FLOAT32;
                case Boolean _ -> BOOL;
                case String _ -> STRING;
                case List<?> _ -> ARRAY;
                default -> throw new IllegalArgumentException(value.getClass().toString());
            };
        }
    }

    private static final class Header {

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        void putValue(Object value) {
            putInt(EntryType.of(value));
            if (value instanceof List<?> list) {
                int type = EntryType.of(list.getFirst());
                putInt(type == EntryType.UINT32 ? EntryType.INT32 : type);
                putLong(list.size());
                list.forEach(this::putBare);
            } else {
                putBare(value);
            }
        }

        private void putBare(Object value) {
            switch (value) {
                case Integer number -> putInt(number);
                case Float number -> putInt(Float.floatToRawIntBits(number));
                case Boolean flag -> bytes.write(flag ? 1 : 0);
                case String text -> putText(text);
                default -> throw new IllegalArgumentException(value.getClass().toString());
            }
        }

        void putText(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            putLong(utf8.length);
            bytes.writeBytes(utf8);
        }

        void putInt(int value) {
            bytes.writeBytes(
                    ByteBuffer.allocate(Integer.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(value)
                            .array());
        }

        void putLong(long value) {
            bytes.writeBytes(
                    ByteBuffer.allocate(Long.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(value)
                            .array());
        }

        byte[] padded() {
            while (bytes.size() % ALIGNMENT != 0) {
                bytes.write(0);
            }
            return bytes.toByteArray();
        }
    }
}
