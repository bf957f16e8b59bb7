package org.wanda4j.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.GgufWriter.EntryType;

/// One GGUF file, mapped: its entries and tensors. [GgufWriter] shows the format. Everything in the header is checked.
public final class GgufFile implements AutoCloseable {

    private static final String ALIGNMENT_KEY = "general.alignment";
    private static final int MOST_ENTRIES = 1 << 16;
    private static final int MOST_TENSORS = 1 << 18;
    private static final int MOST_DIMENSIONS = 4;
    private static final int LONGEST_NAME = 1 << 10;
    private static final int LONGEST_TEXT = 1 << 24;

    /// Values of all lists together.
    private static final int MOST_VALUES = 1 << 22;

    /// More than any vocabulary takes; texts are copied to the heap.
    private static final long LARGEST_HEADER = 1 << 28;

    private static final long WINDOW_BYTES = 1 << 20;

    private final Path path;
    private final Arena memory = Arena.ofShared();
    private final MemorySegment file;
    private final Map<String, Object> entries = new LinkedHashMap<>();
    private final Map<String, Tensor> tensors = new LinkedHashMap<>();

    /// The next bytes of the header, on the heap: code that was not compiled yet reads many short texts there in half of the time.
    private ByteBuffer window = ByteBuffer.allocate(0);

    private long at;
    private long listed;

    /// A tensor, and where it lies.
    ///
    /// @param shape extents, outermost first
    /// @param offset of its first byte, from the start of the file
    public record Tensor(String name, GgmlType type, List<Long> shape, long offset, long bytes) {

        /// Copies the shape.
        public Tensor {
            shape = List.copyOf(shape);
        }

        /// Values of a row: the innermost extent.
        public long columns() {
            return shape.getLast();
        }
    }

    private GgufFile(Path path) throws IOException {
        this.path = path;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), memory);
        }
    }

    /// Opens `path` and checks its header.
    ///
    /// @throws InvalidInputException when the file cannot be read or its header is invalid
    public static GgufFile open(Path path) {
        GgufFile opened;
        try {
            opened = new GgufFile(path);
        } catch (IOException e) {
            throw new InvalidInputException("cannot read " + path + ": " + Reason.of(e), e);
        }
        try {
            opened.readHeader();
            return opened;
        } catch (RuntimeException | Error e) {
            opened.close();
            throw e;
        }
    }

    /// Whether a file that begins with `bytes` is GGUF.
    static boolean is(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1).startsWith("GGUF");
    }

    /// The file.
    public Path path() {
        return path;
    }

    /// The entries: `Long`, `Double`, `Boolean` or `String`, or a list of one of these.
    public Map<String, Object> entries() {
        return Collections.unmodifiableMap(entries);
    }

    /// The tensors in the header's order.
    public Collection<Tensor> tensors() {
        return Collections.unmodifiableCollection(tensors.values());
    }

    /// The tensor of this name.
    public Optional<Tensor> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /// The bytes of a tensor, until this file is closed.
    public MemorySegment data(Tensor tensor) {
        return file.asSlice(tensor.offset(), tensor.bytes());
    }

    @Override
    public void close() {
        memory.close();
    }

    private void readHeader() {
        if (file.byteSize() < 24 || getInt() != GgufWriter.MAGIC) {
            throw invalid("not a GGUF file");
        }
        int version = getInt();
        if (version != 2 && version != GgufWriter.VERSION) {
            throw invalid(
                    Integer.reverseBytes(version) <= GgufWriter.VERSION
                            ? "a big-endian GGUF file, which is not read here"
                            : "version %s of GGUF; 2 and 3 are read here"
                                    .formatted(Integer.toUnsignedString(version)));
        }
        int tensorCount = count("tensors", MOST_TENSORS);
        int entryCount = count("entries", MOST_ENTRIES);
        for (int i = 0; i < entryCount; i++) {
            String key = getText(LONGEST_NAME);
            if (entries.put(key, getValue(key, getInt())) != null) {
                throw invalid("entry " + key + " is there twice");
            }
        }
        if (entries.getOrDefault("split.count", 0L) instanceof Long parts && parts > 1) {
            throw invalid(
                    "one of %d parts: join them with 'llama-gguf-split --merge' first"
                            .formatted(parts));
        }
        List<Tensor> unplaced = new ArrayList<>();
        for (int i = 0; i < tensorCount; i++) {
            unplaced.add(readTensor());
        }
        place(unplaced);
    }

    private int count(String what, int most) {
        long count = getLong();
        if (count < 0 || count > most) {
            throw invalid("it claims %s %s".formatted(Long.toUnsignedString(count), what));
        }
        return (int) count;
    }

    private Tensor readTensor() {
        String name = getText(LONGEST_NAME);
        int dimensions = getInt();
        if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
            throw invalid("tensor %s claims %d dimensions".formatted(name, dimensions));
        }
        List<Long> extents = new ArrayList<>();
        for (int i = 0; i < dimensions; i++) {
            extents.add(getLong());
        }
        int code = getInt();
        GgmlType type =
                GgmlType.of(code)
                        .orElseThrow(() ->
                                invalid(
                                        "tensor %s is of ggml type %d, which is not read here; %s are"
                                                .formatted(
                                                        name, code, List.of(GgmlType.values()))));
        long offset = getLong();
        try {
            long values = extents.stream().reduce(1L, Math::multiplyExact);
            if (extents.stream().anyMatch(extent -> extent < 1 || extent > Integer.MAX_VALUE)
                    || extents.getFirst() % type.blockValues() != 0) {
                throw invalid(impossible(name, extents, type));
            }
            return new Tensor(name, type, extents.reversed(), offset, type.bytes(values));
        } catch (ArithmeticException e) {
            throw invalid(impossible(name, extents, type));
        }
    }

    private static String impossible(String name, List<Long> extents, GgmlType type) {
        return "tensor %s has the impossible shape %s in %s".formatted(name, extents, type);
    }

    /// Offsets count from where the data begins, which is known behind the last one.
    private void place(List<Tensor> unplaced) {
        long alignment = GgufWriter.ALIGNMENT;
        if (entries.containsKey(ALIGNMENT_KEY)) {
            alignment = entries.get(ALIGNMENT_KEY) instanceof Long given ? given : 0;
            if (alignment < 1 || alignment > 1 << 20 || Long.bitCount(alignment) != 1) {
                throw invalid(
                        "%s is %s, and must be a power of two"
                                .formatted(ALIGNMENT_KEY, entries.get(ALIGNMENT_KEY)));
            }
        }
        long start = Math.ceilDiv(at, alignment) * alignment;
        for (Tensor tensor : unplaced) {
            long room = file.byteSize() - start - tensor.bytes();
            if (tensor.offset() < 0 || tensor.offset() > room) {
                throw invalid(
                        "tensor %s lies behind the end: the file is truncated, or its header is wrong"
                                .formatted(tensor.name()));
            }
            var placed =
                    new Tensor(
                            tensor.name(),
                            tensor.type(),
                            tensor.shape(),
                            start + tensor.offset(),
                            tensor.bytes());
            if (tensors.put(tensor.name(), placed) != null) {
                throw invalid("tensor " + tensor.name() + " is there twice");
            }
        }
    }

    private Object getValue(String key, int type) {
        return switch (type) {
            case EntryType.UINT8 -> getByte() & 0xffL;
            case EntryType.INT8 -> (long) getByte();
            case EntryType.UINT16 -> getShort() & 0xffffL;
            case EntryType.INT16 -> (long) getShort();
            case EntryType.UINT32 -> Integer.toUnsignedLong(getInt());
            case EntryType.INT32 -> (long) getInt();
            case EntryType.FLOAT32 -> (double) Float.intBitsToFloat(getInt());
            case EntryType.BOOL -> getByte() != 0;
            case EntryType.STRING -> getText(LONGEST_TEXT);
            case EntryType.ARRAY -> getList(key);
            case EntryType.UINT64, EntryType.INT64 -> getLong();
            case EntryType.FLOAT64 -> Double.longBitsToDouble(getLong());
            default -> throw invalid("entry %s is of unknown type %d".formatted(key, type));
        };
    }

    private List<Object> getList(String key) {
        int type = getInt();
        if (type == EntryType.ARRAY) {
            throw invalid("entry " + key + " is a list of lists, which is not read here");
        }
        long count = getLong();
        listed += Math.clamp(count, 0, MOST_VALUES);
        if (count < 0 || count > MOST_VALUES || listed > MOST_VALUES) {
            throw invalid("entry %s claims %s values".formatted(key, Long.toUnsignedString(count)));
        }
        List<Object> values = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            values.add(getValue(key, type));
        }
        return Collections.unmodifiableList(values);
    }

    private String getText(int longest) {
        long length = getLong();
        if (length < 0 || length > longest) {
            throw invalid("a text claims %s bytes".formatted(Long.toUnsignedString(length)));
        }
        byte[] bytes = new byte[(int) length];
        take(length).get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private byte getByte() {
        return take(Byte.BYTES).get();
    }

    private short getShort() {
        return take(Short.BYTES).getShort();
    }

    private int getInt() {
        return take(Integer.BYTES).getInt();
    }

    private long getLong() {
        return take(Long.BYTES).getLong();
    }

    /// The buffer that has the next `length` bytes, at its position.
    private ByteBuffer take(long length) {
        if (length > file.byteSize() - at) {
            throw invalid("it ends within its header: the file is truncated");
        }
        if (at + length > LARGEST_HEADER) {
            throw invalid("its header is longer than " + LARGEST_HEADER + " bytes");
        }
        if (window.remaining() < length) {
            long bytes = Math.min(Math.max(length, WINDOW_BYTES), file.byteSize() - at);
            window =
                    ByteBuffer.wrap(file.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE))
                            .order(ByteOrder.LITTLE_ENDIAN);
        }
        at += length;
        return window;
    }

    /// An error about this file.
    public InvalidInputException invalid(String what) {
        return new InvalidInputException(path + ": " + what);
    }
}
