package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// ggml's own Python package wrote `blocks.gguf`: `src/test/python/gguf_fixtures.py`.
class GgufFileTest {

    private static final Path BLOCKS = Path.of("src/test/resources/org/wanda4j/gguf/blocks.gguf");

    @TempDir private Path directory;

    @Test
    void entriesOfEachTypeAreRead() {
        try (GgufFile file = GgufFile.open(BLOCKS)) {
            Map<String, Object> expected = new LinkedHashMap<>();
            expected.put("uint8", 200L);
            expected.put("int8", -100L);
            expected.put("uint16", 60_000L);
            expected.put("int16", -30_000L);
            expected.put("uint32", 4_000_000_000L);
            expected.put("int32", -2_000_000_000L);
            expected.put("uint64", 1L << 40);
            expected.put("int64", -(1L << 40));
            expected.put("float32", (double) 0.1f);
            expected.put("float64", 0.1);
            expected.put("bool", true);
            expected.put("string", "h\u00e9llo \u2581");
            expected.put("texts", List.of("a", "", "\ud83d\ude00"));
            expected.put("numbers", List.of(1L, 2L, 3L));
            expected.forEach(
                    (key, value) -> assertEquals(value, file.entries().get("test." + key), key));
        }
    }

    @ParameterizedTest
    @EnumSource
    void blocksAreDecodedToTheSameBits(GgmlType type) {
        try (GgufFile file = GgufFile.open(BLOCKS)) {
            GgufFile.Tensor blocks = file.find(type + ".blocks").orElseThrow();
            GgufFile.Tensor values = file.find(type + ".values").orElseThrow();
            assertEquals(type, blocks.type());
            assertEquals(values.shape(), blocks.shape());
            float[] decoded = new float[(int) (values.bytes() / Float.BYTES)];
            type.decode(file.data(blocks), 0, decoded);
            assertArrayEquals(bits(floats(file, values)), bits(decoded));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16", "Q8_0", "Q4_0"})
    void valuesAreRoundedToTheSameBits(GgmlType type) {
        try (GgufFile file = GgufFile.open(BLOCKS)) {
            float[] values = floats(file, file.find("rounded.values").orElseThrow());
            MemorySegment expected = file.data(file.find("rounded." + type).orElseThrow());
            byte[] written = new byte[(int) type.bytes(values.length)];
            assertTrue(type.isWritten());
            type.encode(values, MemorySegment.ofArray(written), 0);
            assertArrayEquals(expected.toArray(ValueLayout.JAVA_BYTE), written);
        }
    }

    /// The package cannot write Q4_K. A grid of its kind is met but for the rounding of scales, and other values are nearer than on Q4_0's, which has as many bits.
    @Test
    void fourBitsWithAMinimumAreNearerThanThoseWithout() {
        try (GgufFile file = GgufFile.open(BLOCKS)) {
            float[] grid = floats(file, file.find("Q4_K.values").orElseThrow());
            assertTrue(error(GgmlType.Q4_K, grid) < 0.03, "a grid of its kind");
        }
        var random = new Random(5);
        float[] values = new float[4096];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() + (i < 2048 ? 0 : 1);
        }
        double four = error(GgmlType.Q4_0, values);
        double fitted = error(GgmlType.Q4_K, values);
        assertTrue(fitted < 0.85 * four, fitted + " and " + four);
        assertEquals(0, error(GgmlType.Q4_K, new float[256]));
    }

    /// Root mean square of what is lost, by that of the values.
    private static double error(GgmlType type, float[] values) {
        MemorySegment blocks = MemorySegment.ofArray(new byte[(int) type.bytes(values.length)]);
        float[] decoded = new float[values.length];
        type.encode(values, blocks, 0);
        type.decode(blocks, 0, decoded);
        double lost = 0;
        double all = 1e-30;
        for (int i = 0; i < values.length; i++) {
            lost += Math.pow(decoded[i] - values[i], 2);
            all += Math.pow(values[i], 2);
        }
        return Math.sqrt(lost / all);
    }

    @Test
    void whatIsWrittenIsRead() {
        Path path = directory.resolve("written.gguf");
        Map<String, Object> entries = new LinkedHashMap<>();
        entries.put("general.architecture", "llama");
        entries.put("a", 7);
        entries.put("b", 0.5f);
        entries.put("c", false);
        entries.put("d", List.of("x", "y"));
        entries.put("e", List.of(-1, 2));
        var odd = new GgufWriter.Tensor("odd", GgmlType.F32, List.of(3L));
        var block = new GgufWriter.Tensor("block", GgmlType.Q8_0, List.of(2L, 32L));
        byte[] bytes = new byte[(int) block.bytes()];
        Arrays.fill(bytes, (byte) 5);
        try (var writer = GgufWriter.create(path, entries, List.of(odd, block), false)) {
            assertTrue(Files.notExists(path), "it appears when it is complete");
            writer.write(MemorySegment.ofArray(new byte[4]));
            writer.write(MemorySegment.ofArray(new byte[8]));
            writer.write(MemorySegment.ofArray(bytes));
            writer.publish();
        }
        try (GgufFile file = GgufFile.open(path)) {
            assertEquals(7L, file.entries().get("a"));
            assertEquals(0.5, file.entries().get("b"));
            assertEquals(false, file.entries().get("c"));
            assertEquals(List.of("x", "y"), file.entries().get("d"));
            assertEquals(List.of(-1L, 2L), file.entries().get("e"));
            GgufFile.Tensor read = file.find("block").orElseThrow();
            assertEquals(List.of(2L, 32L), read.shape());
            assertEquals(0, read.offset() % 32);
            assertArrayEquals(bytes, file.data(read).toArray(ValueLayout.JAVA_BYTE));
        }
        var refused =
                assertThrows(
                        InvalidInputException.class,
                        () -> GgufWriter.create(path, entries, List.of(odd), false));
        assertTrue(refused.getMessage().contains("is there already"), refused.getMessage());
    }

    @Test
    void nothingIsLeftOfAFileThatWasNotCompleted() throws IOException {
        var tensor = new GgufWriter.Tensor("a", GgmlType.F32, List.of(3L));
        Path path = directory.resolve("half.gguf");
        GgufWriter.create(path, Map.of("a", 1), List.of(tensor), false).close();
        try (var files = Files.list(directory)) {
            assertEquals(List.of(), files.toList());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0,0x58585858,not a GGUF file",
        "4,1,version 1 of GGUF",
        "4,0x03000000,a big-endian GGUF file",
        "8,0x7fffffff,it claims 2147483647 tensors",
        "12,0x80000000,it claims 9223372036854775809 tensors",
        "16,0x10000000,it claims 268435456 entries",
        "24,0x7fffffff,a text claims 2147483647 bytes",
        "24,1000,it ends within its header"
    })
    void aWrongHeaderIsNamed(int at, String bits, String expected) throws IOException {
        byte[] file = small(32, 0);
        ByteBuffer.wrap(file)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(at, Long.decode(bits).intValue());
        assertRefused(file, expected);
    }

    @Test
    void theAlignmentIsAPowerOfTwo() throws IOException {
        assertRefused(small(0, 0), "general.alignment is 0, and must be a power of two");
        assertRefused(small(3, 0), "general.alignment is 3, and must be a power of two");
    }

    @Test
    void aTensorEndsWithinTheFile() throws IOException {
        assertRefused(small(32, 32), "tensor t lies behind the end");
        assertRefused(small(32, -32), "tensor t lies behind the end");
        assertRefused(small(32, Long.MAX_VALUE), "tensor t lies behind the end");
    }

    /// One entry, the alignment, and one tensor of eight floats.
    private static byte[] small(int alignment, long offset) {
        ByteBuffer file = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(0x46554747).putInt(3).putLong(1).putLong(1);
        file.putLong(17).put("general.alignment".getBytes(StandardCharsets.UTF_8));
        file.putInt(4).putInt(alignment);
        file.putLong(1).put((byte) 't').putInt(1).putLong(8).putInt(0).putLong(offset);
        int start = Math.ceilDiv(file.position(), 32) * 32;
        return Arrays.copyOf(file.array(), start + 32);
    }

    private void assertRefused(byte[] bytes, String expected) throws IOException {
        Path path = Files.write(directory.resolve("wrong.gguf"), bytes);
        var refused = assertThrows(InvalidInputException.class, () -> GgufFile.open(path).close());
        assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    }

    private static float[] floats(GgufFile file, GgufFile.Tensor tensor) {
        float[] values = new float[(int) (tensor.bytes() / Float.BYTES)];
        GgmlType.F32.decode(file.data(tensor), 0, values);
        return values;
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }
}
