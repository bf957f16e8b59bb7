package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Packed shards that lie: each gets one line that names the file and the tensor.
class HostilePackedTest {

    private static final String NAME = "a.weight";

    private record Part(DType type, List<Long> shape, byte[] data) {

        static Part of(DType type, int... bytes) {
            byte[] data = new byte[bytes.length];
            for (int i = 0; i < bytes.length; i++) {
                data[i] = (byte) bytes[i];
            }
            return new Part(type, List.of((long) data.length / type.bytes()), data);
        }

        static Part longs(long... numbers) {
            byte[] data = new byte[numbers.length * Long.BYTES];
            for (int i = 0; i < data.length; i++) {
                data[i] = (byte) (numbers[i / Long.BYTES] >>> (i % Long.BYTES * 8));
            }
            return new Part(DType.I64, List.of((long) numbers.length), data);
        }

        Part shaped(Long... extents) {
            return new Part(type, List.of(extents), data);
        }
    }

    @TempDir private Path directory;

    private final Map<String, String> metadata =
            new LinkedHashMap<>(new PackedEncoding(ValueType.BF16).mark(Map.of()));
    private final Map<String, Part> parts = new LinkedHashMap<>();

    /// 2 x 9, three values in the first row, two in the second.
    @BeforeEach
    void aGoodShard() {
        parts.put(".compressed", Part.of(DType.BF16, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5));
        parts.put(".bitmask", Part.of(DType.U8, 3, 1, 0, 1).shaped(2L, 2L));
        parts.put(".row_offsets", Part.longs(0, 3));
        parts.put(".shape", Part.longs(2, 9));
        parts.get(".bitmask").data()[2] = (byte) 0x80;
    }

    @Test
    void theGoodOneIsRead() throws IOException {
        read();
    }

    @Test
    void unknownEncodings() {
        metadata.put("wanda.encoding.version", "2");
        assertRefused("its encoding is bitmask, version 2");
        metadata.put("wanda.encoding", "zip");
        assertRefused("its encoding is zip, version 2");
        metadata.put("wanda.encoding", "bitmask");
        metadata.put("wanda.encoding.version", "1");
        for (String values : List.of("fp4", "f32", "")) {
            metadata.put("wanda.values", values);
            assertRefused("its values are of type " + values);
        }
    }

    @Test
    void missingParts() {
        for (String part : List.of(".bitmask", ".row_offsets", ".shape")) {
            Part removed = parts.remove(part);
            assertRefused("tensor " + NAME + part + " is missing");
            parts.put(part, removed);
        }
    }

    @Test
    void partsOfAnotherType() {
        parts.put(".bitmask", new Part(DType.I8, List.of(2L, 2L), new byte[4]));
        assertRefused(".bitmask is I8, and must be U8");
    }

    @Test
    void impossibleShapes() {
        for (long[] shape :
                new long[][] {
                    {0, 9}, {-2, 9}, {2, Long.MAX_VALUE}, {Long.MIN_VALUE, 9}, {1L << 31, 1L << 31}
                }) {
            parts.put(".shape", Part.longs(shape));
            assertRefused(".shape is impossible");
        }
        parts.put(".shape", Part.longs(2, 9, 1));
        assertRefused(".shape has shape [3], and must have [2]");
        parts.put(".shape", Part.longs(2, 17));
        assertRefused(".bitmask has shape [2, 2], and must have [2, 3]");
        parts.put(".shape", Part.longs(3, 9));
        assertRefused(".row_offsets has shape [2], and must have [3]");
    }

    @Test
    void offsetsThatDoNotCutTheValuesIntoRows() {
        for (long[] offsets :
                new long[][] {
                    {1, 3}, {0, -1}, {0, 6}, {0, Long.MAX_VALUE}, {3, 0}, {0, Long.MIN_VALUE}
                }) {
            parts.put(".row_offsets", Part.longs(offsets));
            assertRefused(".row_offsets does not cut the values into rows");
        }
    }

    @Test
    void bitmasksThatDoNotFitTheValues() {
        parts.put(".row_offsets", Part.longs(0, 2));
        assertRefused("bitmask of row 0 asks for 3 values, and 2 are there");
        parts.put(".row_offsets", Part.longs(0, 3));
        parts.put(".bitmask", Part.of(DType.U8, 3, 2, 0, 1).shaped(2L, 2L));
        assertRefused("bitmask of row 0 goes on behind the last column");
    }

    @Test
    void quantisedPartsThatAreNoWholeGroups() {
        metadata.put("wanda.values", "int8");
        parts.put(".compressed", Part.of(DType.I8, new int[64]));
        parts.put(".scales", Part.of(DType.BF16, new int[4]));
        parts.put(".row_offsets", Part.longs(0, 32));
        assertEquals(2, readUnchecked().rows());
        parts.put(".row_offsets", Part.longs(0, 16));
        assertRefused("does not cut the values into rows at row 0");
        parts.put(".row_offsets", Part.longs(0, 32));
        parts.put(".scales", Part.of(DType.BF16, new int[2]));
        assertRefused(".scales has shape [1], and must have [2]");
        parts.remove(".scales");
        assertRefused(".scales is missing");
        parts.put(".compressed", Part.of(DType.I8, new int[33]));
        assertRefused("tensor " + NAME);
    }

    @Test
    void denseValuesThatDoNotFillTheMatrix() {
        parts.remove(".bitmask");
        parts.remove(".row_offsets");
        assertRefused(".compressed does not fill the matrix");
    }

    private void assertRefused(String expected) {
        String message = assertThrows(InvalidInputException.class, this::read).getMessage();
        assertTrue(message.contains(expected), message);
        assertTrue(message.contains(Checkpoint.SINGLE), message);
    }

    private PackedMatrix readUnchecked() {
        try {
            return read();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private PackedMatrix read() throws IOException {
        Path file = directory.resolve(Checkpoint.SINGLE);
        Files.deleteIfExists(file);
        List<TensorInfo> tensors =
                parts.entrySet().stream()
                        .map(part ->
                                TensorInfo.unplaced(
                                        NAME + part.getKey(),
                                        part.getValue().type(),
                                        part.getValue().shape()))
                        .toList();
        try (var writer = new SafetensorsWriter(file, metadata, tensors)) {
            for (var part : parts.entrySet()) {
                writer.write(NAME + part.getKey(), MemorySegment.ofArray(part.getValue().data()));
            }
        }
        try (Checkpoint checkpoint = Checkpoint.open(directory);
                Arena memory = Arena.ofConfined()) {
            PackedMatrix matrix = checkpoint.matrix(NAME, memory);
            checkpoint.map(NAME, memory);
            return matrix;
        }
    }
}
