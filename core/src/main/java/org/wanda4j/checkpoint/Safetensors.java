package org.wanda4j.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/// One safetensors file: eight bytes with the header's length (little-endian), the header (JSON: name to dtype,
/// shape and byte range), the tensors' bytes. Everything in the header is checked.
///
/// Source of the format: <https://github.com/huggingface/safetensors>, "Format".
public final class Safetensors implements AutoCloseable {

    private static final int LENGTH_BYTES = 8;
    private static final long LARGEST_HEADER = 100_000_000;
    private static final int DEEPEST_HEADER = 8;
    private static final int MOST_DIMENSIONS = 64;
    private static final long READ_BYTES = 1 << 20;
    static final String METADATA = "__metadata__";
    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(DEEPEST_HEADER)
                                    .maxStringLength((int) LARGEST_HEADER)
                                    .build())
                    .build();

    private final Path path;
    private final FileChannel channel;
    private final long size;
    private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    private Safetensors(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.size = channel.size();
        readHeader();
    }

    /// Opens `path` and checks its header.
    ///
    /// @throws InvalidInputException when the file cannot be read or its header is invalid
    public static Safetensors open(Path path) {
        FileChannel channel;
        try {
            channel = FileChannel.open(path, StandardOpenOption.READ);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
        try {
            return new Safetensors(path, channel);
        } catch (IOException e) {
            closeQuietly(channel);
            throw unreadable(path, e);
        } catch (RuntimeException | Error e) {
            closeQuietly(channel);
            throw e;
        }
    }

    /// The file.
    public Path path() {
        return path;
    }

    /// The file's length in bytes.
    public long size() {
        return size;
    }

    /// The tensors in the header's order.
    public Collection<TensorInfo> tensors() {
        return Collections.unmodifiableCollection(tensors.values());
    }

    /// The header's free-form entries.
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    /// Maps one tensor for reading, until `arena` closes. Nothing is copied.
    public TensorView map(TensorInfo tensor, Arena arena) {
        try {
            MemorySegment data =
                    channel.map(
                            FileChannel.MapMode.READ_ONLY, tensor.offset(), tensor.length(), arena);
            return new TensorView(tensor.name(), tensor.type(), tensor.shape(), data);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /// Reads a small tensor: sooner there than one that is mapped.
    ///
    /// @throws InvalidInputException when it is larger than a header may be
    byte[] bytes(TensorInfo tensor) {
        if (tensor.length() > LARGEST_HEADER) {
            throw invalid(
                    "tensor %s has %d bytes, more than are read of its kind"
                            .formatted(tensor.name(), tensor.length()));
        }
        try {
            return read(tensor.offset(), Math.toIntExact(tensor.length())).array();
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /// Maps the file once, until `arena` closes.
    ///
    /// @return from a tensor to the memory from its first byte to the file's end, so that a kernel may read behind the
    ///     tensor; one that ends within [PackedMatrix#SLACK] bytes of the file's end is copied
    Function<TensorInfo, MemorySegment> mapWhole(Arena arena) {
        MemorySegment file;
        try {
            file = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
        return tensor ->
                size - tensor.offset() - tensor.length() < PackedMatrix.SLACK
                        ? arena.allocate(tensor.length() + PackedMatrix.SLACK, PackedMatrix.SLACK)
                                .copyFrom(file.asSlice(tensor.offset(), tensor.length()))
                        : file.asSlice(tensor.offset());
    }

    /// Reads one tensor into the system's page cache.
    void readAhead(TensorInfo tensor) {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment buffer = memory.allocate(Math.min(READ_BYTES, tensor.length()));
            for (long at = 0; at < tensor.length(); at += buffer.byteSize()) {
                long length = Math.min(buffer.byteSize(), tensor.length() - at);
                Disk.readFully(channel, buffer.asSlice(0, length), tensor.offset() + at);
            }
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /// Whether the header has a tensor `name`.
    boolean contains(String name) {
        return tensors.containsKey(name);
    }

    /// What the header says of tensor `name`, if there is one.
    Optional<TensorInfo> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    @Override
    public void close() {
        closeQuietly(channel);
    }

    private void readHeader() throws IOException {
        if (size < LENGTH_BYTES) {
            throw invalid("is " + size + " bytes long, too short for a safetensors file");
        }
        long length = read(0, LENGTH_BYTES).getLong();
        if (length < 2 || length > LARGEST_HEADER || length > size - LENGTH_BYTES) {
            throw new InvalidInputException(
                    path
                            + WrongFile.by(
                                            read(0, (int) Math.min(size, WrongFile.BEGINNING))
                                                    .array())
                                    .map(what -> " is " + what)
                                    .orElse(
                                            ": its header claims "
                                                    + Long.toUnsignedString(length)
                                                    + " bytes, the file has "
                                                    + size
                                                    + "; it is truncated or no safetensors file"));
        }
        byte[] header = read(LENGTH_BYTES, (int) length).array();
        try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), header)) {
            expect(parser.nextToken(), JsonToken.START_OBJECT, "header");
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                if (name.equals(METADATA)) {
                    readMetadata(parser);
                } else {
                    tensors.put(name, readTensor(parser, name, LENGTH_BYTES + length));
                }
            }
            expect(parser.currentToken(), JsonToken.END_OBJECT, "its end");
            expect(parser.nextToken(), null, "its end");
        } catch (JacksonException e) {
            throw invalid("its header is not valid JSON: " + JsonFault.of(e, header));
        }
        checkRanges(LENGTH_BYTES + length);
    }

    private void readMetadata(JsonParser parser) {
        expect(parser.currentToken(), JsonToken.START_OBJECT, METADATA);
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = parser.currentName();
            expect(parser.nextToken(), JsonToken.VALUE_STRING, METADATA + "." + key);
            metadata.put(key, parser.getString());
        }
    }

    private TensorInfo readTensor(JsonParser parser, String name, long dataStart) {
        expect(parser.currentToken(), JsonToken.START_OBJECT, name);
        String dtype = "";
        List<Long> shape = null;
        List<Long> range = List.of();
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = parser.currentName();
            JsonToken token = parser.nextToken();
            switch (key) {
                case "dtype" -> {
                    expect(token, JsonToken.VALUE_STRING, name + ".dtype");
                    dtype = parser.getString();
                }
                case "shape" -> shape = readNumbers(parser, name + ".shape");
                case "data_offsets" -> range = readNumbers(parser, name + ".data_offsets");
                default -> throw invalid("tensor " + name + " has an unknown entry '" + key + "'");
            }
        }
        String given = dtype;
        DType type =
                DType.of(dtype)
                        .orElseThrow(() ->
                                invalid(
                                        "tensor "
                                                + name
                                                + " has dtype '"
                                                + given
                                                + "', which is not known here"));
        if (shape == null || range.size() != 2) {
            throw invalid("tensor " + name + " lacks a shape or two data_offsets");
        }
        return located(name, type, shape, range.get(0), range.get(1), dataStart);
    }

    private TensorInfo located(
            String name, DType type, List<Long> shape, long from, long to, long dataStart) {
        if (from > to || to > size - dataStart) {
            throw invalid(
                    "tensor "
                            + name
                            + " claims bytes "
                            + from
                            + " to "
                            + to
                            + " of "
                            + (size - dataStart)
                            + "; the file is truncated or its header is wrong");
        }
        long expected;
        try {
            expected =
                    Math.multiplyExact(
                            shape.stream().reduce(1L, Math::multiplyExact), (long) type.bytes());
        } catch (ArithmeticException e) {
            throw invalid("tensor " + name + " has the impossible shape " + shape);
        }
        if (expected != to - from) {
            throw invalid(
                    "tensor "
                            + name
                            + " of shape "
                            + shape
                            + " in "
                            + type
                            + " needs "
                            + expected
                            + " bytes, but its range holds "
                            + (to - from));
        }
        return new TensorInfo(name, type, shape, dataStart + from, to - from);
    }

    private List<Long> readNumbers(JsonParser parser, String what) {
        expect(parser.currentToken(), JsonToken.START_ARRAY, what);
        List<Long> numbers = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (numbers.size() == MOST_DIMENSIONS) {
                throw invalid(what + " has more than " + MOST_DIMENSIONS + " numbers");
            }
            expect(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
            long number = parser.getLongValue();
            if (number < 0) {
                throw invalid(what + " holds a negative number");
            }
            numbers.add(number);
        }
        return numbers;
    }

    /// The tensors must cover the data part once: without gaps and without overlaps, as the format requires.
    private void checkRanges(long dataStart) {
        List<TensorInfo> byOffset = new ArrayList<>(tensors.values());
        byOffset.sort(
                Comparator.comparingLong(TensorInfo::offset).thenComparingLong(TensorInfo::length));
        long end = dataStart;
        for (TensorInfo tensor : byOffset) {
            if (tensor.offset() != end) {
                throw invalid(
                        "tensor "
                                + tensor.name()
                                + (tensor.offset() < end
                                        ? " overlaps another one"
                                        : " leaves a gap before it"));
            }
            end = tensor.offset() + tensor.length();
        }
        if (end != size) {
            throw invalid("has " + (size - end) + " bytes that belong to no tensor");
        }
    }

    private ByteBuffer read(long position, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw invalid("is shorter than when it was opened");
            }
        }
        return buffer.flip();
    }

    private void expect(JsonToken token, JsonToken expected, String what) {
        if (token != expected) {
            throw invalid("its header has an unexpected value at " + oneLine(what));
        }
    }

    /// An error about this file.
    InvalidInputException invalid(String what) {
        return new InvalidInputException(path + ": " + what);
    }

    private static String oneLine(String text) {
        return text.lines().findFirst().orElse("");
    }

    private static InvalidInputException unreadable(Path path, IOException cause) {
        return new InvalidInputException("cannot read " + path + ": " + Reason.of(cause), cause);
    }

    private static void closeQuietly(FileChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // nothing was written
        }
    }
}
