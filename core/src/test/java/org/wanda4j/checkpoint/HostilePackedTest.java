package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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
            new LinkedHashMap<>(new PackedEncoding(Optional.of(ValueType.BF16), 1).mark(Map.of()));
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
    void theGoodOneIsRead() {
        assertRead();
    }

    @Test
    void unknownEncodings() {
        for (String version : List.of("5", "0", "12", "")) {
            metadata.put("wanda.encoding.version", version);
            assertRefused("its encoding is bitmask, version " + version);
        }
        metadata.put("wanda.encoding", "zip");
        assertRefused("its encoding is zip");
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
    void whatTheFirstVersionDoesNotHave() {
        parts.put(".shape", Part.longs(1, 2, 9));
        assertRefused(".shape has shape [3], and must have [2]");
        parts.put(".shape", Part.longs(9, 2));
        parts.put(".transposed", Part.of(DType.U8, 1));
        assertRefused(".transposed is not known here");
    }

    @Test
    void shapesOfSlices() {
        metadata.put("wanda.encoding.version", "2");
        parts.put(".shape", Part.longs(2, 1, 9));
        assertRead();
        parts.put(".shape", Part.longs(2, 9, 1));
        parts.put(".transposed", Part.of(DType.U8, 1));
        assertRead();
        for (int[] wrong : new int[][] {{2}, {255}}) {
            parts.put(".transposed", Part.of(DType.U8, wrong));
            assertRefused(".transposed is not known here");
        }
        parts.put(".transposed", Part.of(DType.U8));
        assertRefused(".transposed has shape [0], and must have [1]");
        parts.remove(".transposed");
        for (long[] shape : new long[][] {{1L << 30, 2, 9}, {2, 1, 0}, {0, 1, 9}, {2, -1, 9}}) {
            parts.put(".shape", Part.longs(shape));
            assertRefused(".shape is impossible");
        }
        parts.put(".shape", Part.longs(1, 1, 2, 9));
        assertRefused(".shape has shape [4], and must have [2]");
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

    /// More rows than are looked at in one step, of widths that are and are not whole words.
    @ParameterizedTest
    @CsvSource({"9, 5000", "64, 5000", "70, 2500", "128, 2500", "300000, 3"})
    void theOneRowOfManyThatDoesNotFit(int columns, int rows) {
        var random = new Random(columns);
        int rowBytes = Math.ceilDiv(columns, 8);
        byte[] bitmask = new byte[rows * rowBytes];
        long[] offsets = new long[rows];
        int stored = 0;
        for (int row = 0; row < rows; row++) {
            offsets[row] = stored;
            for (int column = 0; column < columns; column++) {
                if (random.nextBoolean()) {
                    bitmask[row * rowBytes + column / 8] |= (byte) (1 << column % 8);
                    stored++;
                }
            }
        }
        parts.put(".compressed", Part.of(DType.BF16, new int[2 * stored]));
        parts.put(".bitmask", new Part(DType.U8, List.of((long) rows, (long) rowBytes), bitmask));
        parts.put(".row_offsets", Part.longs(offsets));
        parts.put(".shape", Part.longs(rows, columns));
        assertRead();
        for (int row : new int[] {0, rows / 2, rows - 1}) {
            int last = (row + 1) * rowBytes - 1;
            bitmask[last] ^= (byte) (1 << (columns - 1) % 8);
            assertRefused("bitmask of row " + row + " asks for ");
            bitmask[last] ^= (byte) (1 << (columns - 1) % 8);
            if (columns % 8 != 0) {
                bitmask[last] ^= (byte) 0x80;
                assertRefused("bitmask of row " + row + " goes on behind the last column");
                bitmask[last] ^= (byte) 0x80;
            }
        }
    }

    @Test
    void int8PartsThatDoNotFit() {
        metadata.put("wanda.values", "int8");
        parts.put(".compressed", Part.of(DType.I8, 1, 2, 3, 4, 5));
        parts.put(".scales", Part.of(DType.BF16, 1, 1, 1, 1).shaped(2L, 1L));
        assertRead();
        parts.put(".row_offsets", Part.longs(0, 2));
        assertRefused("bitmask of row 0 asks for 3 values, and 2 are there");
        parts.put(".row_offsets", Part.longs(0, 3));
        parts.put(".scales", Part.of(DType.BF16, 1, 1, 1, 1));
        assertRefused(".scales has shape [2], and must have [2, 1]");
        parts.put(".scales", Part.of(DType.I16, 1, 1, 1, 1).shaped(2L, 1L));
        assertRefused(".scales is I16, and must be BF16");
        parts.remove(".scales");
        assertRefused(".scales is missing");
        metadata.put("wanda.values", "bf16");
        parts.put(".compressed", Part.of(DType.BF16, new int[10]));
        parts.put(".scales", Part.of(DType.BF16, 1, 1, 1, 1).shaped(2L, 1L));
        assertRefused(".scales belongs to no bf16 values");
    }

    @Test
    void int4RunsThatDoNotFit() {
        metadata.put("wanda.values", "int4");
        parts.put(".compressed", Part.of(DType.U8, 0x12, 0x30, 0x45));
        parts.put(".scales", Part.of(DType.BF16, 1, 1, 1, 1).shaped(2L, 1L));
        parts.put(".row_offsets", Part.longs(0, 4));
        assertRead();
        parts.put(".row_offsets", Part.longs(0, 3));
        assertRefused("does not cut the values into rows at row 0");
        parts.put(".row_offsets", Part.longs(0, 2));
        assertRefused("bitmask of row 0 asks for 4 values, and 2 are there");
    }

    /// 70 columns: one value in the first 64 and one in the rest take two bytes, two values in the first 64 take one.
    @Test
    void int4ValuesAreCountedByRun() {
        metadata.put("wanda.values", "int4");
        parts.put(".shape", Part.longs(1, 70));
        parts.put(".row_offsets", Part.longs(0));
        parts.put(".scales", Part.of(DType.BF16, new int[6]).shaped(1L, 3L));
        parts.put(".compressed", Part.of(DType.U8, 0x10, 0x20));
        parts.put(".bitmask", Part.of(DType.U8, 1, 0, 0, 0, 0, 0, 0, 0, 32).shaped(1L, 9L));
        assertRead();
        parts.put(".bitmask", Part.of(DType.U8, 3, 0, 0, 0, 0, 0, 0, 0, 0).shaped(1L, 9L));
        assertRefused("bitmask of row 0 asks for 2 values, and 4 are there");
        parts.put(".bitmask", Part.of(DType.U8, 1, 0, 0, 0, 0, 0, 0, 0, 64).shaped(1L, 9L));
        assertRefused("bitmask of row 0 goes on behind the last column");
    }

    @Test
    void valuesOfAnotherTypeThanTheHeaderSays() {
        parts.put(".compressed", Part.of(DType.U8, 0x12, 0x30, 0x45));
        parts.put(".row_offsets", Part.longs(0, 4));
        for (String version : List.of("1", "2")) {
            metadata.put("wanda.encoding.version", version);
            assertRefused(".compressed is U8, and must be BF16");
        }
        metadata.put("wanda.encoding.version", "3");
        assertRefused(".scales is missing");
        parts.put(".scales", Part.of(DType.BF16, 1, 1, 1, 1).shaped(2L, 1L));
        assertRead();
        parts.put(".compressed", new Part(DType.I16, List.of(5L), new byte[10]));
        assertRefused(".compressed is I16, and must be BF16, I8 or U8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"int8", "int4"})
    void scalesThatPoisonWhatTheyMultiply(String values) {
        int groups = 11;
        metadata.put("wanda.values", values);
        parts.put(".shape", Part.longs(1, groups * 32L));
        DType elements = values.equals("int8") ? DType.I8 : DType.U8;
        parts.put(
                ".compressed",
                Part.of(elements, new int[groups * (elements == DType.I8 ? 32 : 16)]));
        parts.remove(".bitmask");
        parts.remove(".row_offsets");
        parts.put(".scales", Part.of(DType.BF16, new int[2 * groups]).shaped(1L, (long) groups));
        byte[] scales = parts.get(".scales").data();
        for (int i = 0; i < groups; i++) {
            for (int bits : new int[] {0x7f80, 0xff80, 0x7fc0, 0x7f81, 0xffff, 0xffc0}) {
                set(scales, i, bits);
                assertRefused("tensor " + NAME + ".scales holds an infinite or NaN scale");
            }
            for (int bits : new int[] {0, 1, 0x3f80, 0x7f7f, 0x8000, 0x8001, 0xbf80, 0xff7f}) {
                set(scales, i, bits);
                assertRead();
            }
        }
        set(scales, 0, 0x3f80); // 1
        set(scales, 4, 0x4000); // 2: the exponents of both have all ones between them
        assertRead();
        set(scales, 4, 0x7f80);
        assertRefused("tensor " + NAME + ".scales holds an infinite or NaN scale");
    }

    private static void set(byte[] scales, int index, int bits) {
        scales[2 * index] = (byte) bits;
        scales[2 * index + 1] = (byte) (bits >>> 8);
    }

    @Test
    void scalesOfAnotherVersion() {
        metadata.put("wanda.values", "int8");
        parts.put(".shape", Part.longs(1, 64));
        parts.put(".compressed", Part.of(DType.I8, new int[64]));
        parts.remove(".bitmask");
        parts.remove(".row_offsets");
        parts.put(".scales", Part.of(DType.F16, 1, 1, 1, 1).shaped(1L, 2L));
        assertRefused(".scales is F16, and must be BF16");
        metadata.put("wanda.encoding.version", "4");
        assertRead();
        for (int bits : new int[] {0x7c00, 0xfc00, 0x7c01, 0xfe00, 0xffff}) {
            set(parts.get(".scales").data(), 1, bits);
            assertRefused("tensor " + NAME + ".scales holds an infinite or NaN scale");
        }
        for (int bits : new int[] {0, 1, 0x3c00, 0x7bff, 0x8001, 0xfbff}) {
            set(parts.get(".scales").data(), 1, bits);
            assertRead();
        }
        parts.put(".scales", Part.of(DType.BF16, 1, 1, 1, 1).shaped(1L, 2L));
        assertRefused(".scales is BF16, and must be F16");
        parts.put(".compressed", Part.of(DType.BF16, new int[128]));
        assertRefused(".compressed is BF16, and must be I8 or U8");
    }

    @Test
    void denseValuesThatDoNotFillTheMatrix() {
        parts.remove(".bitmask");
        parts.remove(".row_offsets");
        assertRefused(".compressed does not fill the matrix");
    }

    /// Neither those who compute with the file's own bytes nor those who decode them get anything.
    private void assertRefused(String expected) {
        write();
        List<BiConsumer<Checkpoint, Arena>> readers =
                List.of(
                        (checkpoint, memory) -> new Matrices(checkpoint, memory).whole(NAME),
                        (checkpoint, memory) -> checkpoint.map(NAME, memory));
        for (var reader : readers) {
            String message =
                    assertThrows(InvalidInputException.class, () -> read(reader)).getMessage();
            assertTrue(message.contains(expected), message);
            assertTrue(message.contains(Checkpoint.SINGLE), message);
            assertEquals(1, message.lines().count());
        }
    }

    private void assertRead() {
        write();
        read((checkpoint, memory) -> {
            PackedMatrix matrix = new Matrices(checkpoint, memory).whole(NAME);
            TensorView view = checkpoint.map(NAME, memory);
            assertEquals(
                    view.shape().stream().reduce(1L, Math::multiplyExact),
                    (long) matrix.rows() * matrix.columns());
        });
    }

    private void read(BiConsumer<Checkpoint, Arena> reader) {
        try (Checkpoint checkpoint = Checkpoint.open(directory);
                Arena memory = Arena.ofConfined()) {
            reader.accept(checkpoint, memory);
        }
    }

    private void write() {
        Path file = directory.resolve(Checkpoint.SINGLE);
        List<TensorInfo> tensors =
                parts.entrySet().stream()
                        .map(part ->
                                TensorInfo.unplaced(
                                        NAME + part.getKey(),
                                        part.getValue().type(),
                                        part.getValue().shape()))
                        .toList();
        try {
            Files.deleteIfExists(file);
            try (var writer = new SafetensorsWriter(file, metadata, tensors)) {
                for (var part : parts.entrySet()) {
                    writer.write(
                            NAME + part.getKey(), MemorySegment.ofArray(part.getValue().data()));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
