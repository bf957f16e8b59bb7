package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.bytes;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {

    private static final String MATRIX = tensor("a", "BF16", "[2,3]", 0, 12);

    @TempDir private Path directory;

    @Test
    void tensorsAreFoundWhereTheHeaderSays() throws IOException {
        String header =
                "{\"__metadata__\":{\"format\":\"pt\"},"
                        + tensor("b", "F32", "[3]", 12, 24)
                        + ","
                        + MATRIX
                        + ","
                        + tensor("none", "I64", "[0,5]", 24, 24)
                        + ","
                        + tensor("one", "U8", "[]", 24, 25)
                        + "}  ";
        Path file = RawSafetensors.of(header, bytes(25, 7)).write(path());
        try (Safetensors read = Safetensors.open(file);
                Arena memory = Arena.ofConfined()) {
            assertEquals(Map.of("format", "pt"), read.metadata());
            assertEquals(
                    List.of("b", "a", "none", "one"),
                    read.tensors().stream().map(TensorInfo::name).toList());
            TensorInfo b = read.tensors().iterator().next();
            assertEquals(
                    new TensorInfo("b", DType.F32, List.of(3L), 8 + header.length() + 12, 12), b);
            byte[] expected = new byte[12];
            System.arraycopy(bytes(25, 7), 12, expected, 0, 12);
            assertArrayEquals(expected, read.map(b, memory).data().toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Test
    void aFileWithoutTensorsIsOne() throws IOException {
        try (Safetensors read =
                Safetensors.open(RawSafetensors.of("{}", new byte[0]).write(path()))) {
            assertTrue(read.tensors().isEmpty());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7})
    void aFileTooShortForALengthIsRefused(int size) throws IOException {
        Files.write(path(), new byte[size]);
        assertRefused("is " + size + " bytes long, too short");
    }

    @ParameterizedTest
    @ValueSource(
            longs = {
                0,
                1,
                1000,
                100_000_001,
                Integer.MAX_VALUE,
                Long.MAX_VALUE,
                Long.MIN_VALUE,
                -1
            })
    void aHeaderLengthThatLiesIsRefusedBeforeItIsAllocated(long claimed) throws IOException {
        new RawSafetensors(claimed, "{" + MATRIX + "}", bytes(12, 0)).write(path());
        assertRefused("header claims " + Long.toUnsignedString(claimed) + " bytes");
    }

    @Test
    void aHeaderOfMoreThan100MegabytesIsRefusedEvenIfTheFileHasThem() throws IOException {
        new RawSafetensors(100_000_001, "{", new byte[1]).writeSparse(path(), 200_000_000);
        assertRefused("header claims 100000001 bytes");
    }

    @Test
    void aHeaderOfMuchTextIsRead() throws IOException {
        String text = "x".repeat(20_000_000);
        try (Safetensors read =
                Safetensors.open(
                        RawSafetensors.of(
                                        "{\"__metadata__\":{\"long\":\""
                                                + text
                                                + "\"},"
                                                + MATRIX
                                                + "}",
                                        bytes(12, 0))
                                .write(path()))) {
            assertEquals(text, read.metadata().get("long"));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "  ",
                "null",
                "17",
                "[]",
                "{",
                "{]",
                "{}{}",
                "{},",
                "{} x",
                "{\"a\":}",
                "{\"a\":null}",
                "{\"a\":[]}",
                "{\"a\":7}",
                "{'a':{}}",
                "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]}",
                "{\"a\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]"
            })
    void aHeaderThatIsNoObjectOfTensorsIsRefused(String header) throws IOException {
        RawSafetensors.of(header.isBlank() ? header + "    " : header, bytes(12, 0)).write(path());
        assertRefused("header");
    }

    @Test
    void aHeaderOfDeepNestingIsRefused() throws IOException {
        RawSafetensors.of("{\"a\":" + "[".repeat(50_000), new byte[0]).write(path());
        assertRefused("header");
        RawSafetensors.of("{\"a\":{\"shape\":" + "{\"a\":".repeat(50_000), new byte[0])
                .write(path());
        assertRefused("header");
        RawSafetensors.of("{\"a\":{\"dtype\":\"U8\",\"shape\":" + "[".repeat(50_000), new byte[0])
                .write(path());
        assertRefused("header");
    }

    @Test
    void aTensorThatIsThereTwiceIsRefused() throws IOException {
        RawSafetensors.of("{" + MATRIX + "," + MATRIX + "}", bytes(12, 0)).write(path());
        assertRefused("stands there twice");
        RawSafetensors.of("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\"}}", new byte[0]).write(path());
        assertRefused("stands there twice");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "\"dtype\":\"F17\",\"shape\":[12],\"data_offsets\":[0,12]; dtype 'F17', which is not known",
                "\"dtype\":\"bf16\",\"shape\":[6],\"data_offsets\":[0,12]; dtype 'bf16', which is not known",
                "\"dtype\":3,\"shape\":[12],\"data_offsets\":[0,12]; a.dtype",
                "\"shape\":[12],\"data_offsets\":[0,12]; dtype ''",
                "\"dtype\":\"U8\",\"data_offsets\":[0,12]; lacks a shape",
                "\"dtype\":\"U8\",\"shape\":[12]; lacks a shape or two data_offsets",
                "\"dtype\":\"U8\",\"shape\":[12],\"data_offsets\":[0]; two data_offsets",
                "\"dtype\":\"U8\",\"shape\":[12],\"data_offsets\":[0,12,12]; two data_offsets",
                "\"dtype\":\"U8\",\"shape\":[12],\"data_offsets\":[0,12],\"more\":1; unknown entry 'more'",
                "\"dtype\":\"U8\",\"shape\":12,\"data_offsets\":[0,12]; a.shape",
                "\"dtype\":\"U8\",\"shape\":[\"12\"],\"data_offsets\":[0,12]; a.shape",
                "\"dtype\":\"U8\",\"shape\":[12.0],\"data_offsets\":[0,12]; a.shape",
                "\"dtype\":\"U8\",\"shape\":[-12],\"data_offsets\":[0,12]; a.shape holds a negative number",
                "\"dtype\":\"U8\",\"shape\":[-3,-4],\"data_offsets\":[0,12]; a.shape holds a negative number",
                "\"dtype\":\"U8\",\"shape\":[12],\"data_offsets\":[-12,0]; a.data_offsets holds a negative number",
                "\"dtype\":\"U8\",\"shape\":[12],\"data_offsets\":[12,0]; claims bytes 12 to 0",
                "\"dtype\":\"U8\",\"shape\":[13],\"data_offsets\":[0,13]; claims bytes 0 to 13 of 12",
                "\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,9223372036854775807]; claims bytes",
                "\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,9223372036854775808]; a number that is too large",
                "\"dtype\":\"U8\",\"shape\":[11],\"data_offsets\":[0,12]; needs 11 bytes, but its range holds 12",
                "\"dtype\":\"F32\",\"shape\":[12],\"data_offsets\":[0,12]; needs 48 bytes, but its range holds 12",
                "\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,12]; impossible shape",
                "\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]; impossible shape",
                "\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,12]; a number that is too large",
            })
    void aTensorThatIsNotWhatItsEntrySaysIsRefused(String entry, String expected)
            throws IOException {
        RawSafetensors.of("{\"a\":{" + entry + "}}", bytes(12, 0)).write(path());
        assertRefused(expected);
    }

    @Test
    void aShapeWithoutEndIsRefused() throws IOException {
        String shape = "[1" + ",1".repeat(100_000) + "]";
        RawSafetensors.of("{" + tensor("a", "U8", shape, 0, 1) + "}", new byte[1]).write(path());
        assertRefused("a.shape has more than 64 numbers");
    }

    @Test
    void rangesThatOverlapOrLeaveGapsAreRefused() throws IOException {
        RawSafetensors.of("{" + MATRIX + "," + tensor("b", "U8", "[4]", 8, 12) + "}", bytes(12, 0))
                .write(path());
        assertRefused("tensor b overlaps another one");
        RawSafetensors.of("{" + MATRIX + "," + tensor("b", "U8", "[12]", 0, 12) + "}", bytes(12, 0))
                .write(path());
        assertRefused("tensor b overlaps another one");
        RawSafetensors.of("{" + MATRIX + "," + tensor("b", "U8", "[4]", 13, 17) + "}", bytes(17, 0))
                .write(path());
        assertRefused("tensor b leaves a gap before it");
        RawSafetensors.of("{" + tensor("b", "U8", "[4]", 1, 5) + "}", bytes(5, 0)).write(path());
        assertRefused("tensor b leaves a gap before it");
        RawSafetensors.of("{" + MATRIX + "}", bytes(15, 0)).write(path());
        assertRefused("has 3 bytes that belong to no tensor");
    }

    @Test
    void aFileThatWasCutAnywhereIsRefused() throws IOException {
        Path whole = RawSafetensors.of("{" + MATRIX + "}", bytes(12, 0)).write(path());
        byte[] all = Files.readAllBytes(whole);
        for (int size = 0; size < all.length; size++) {
            Files.write(path(), java.util.Arrays.copyOf(all, size));
            assertRefused("file.safetensors");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"{\"a\":1}", "{\"a\":null}", "{\"a\":{}}", "{\"a\":[]}", "[]", "\"text\""})
    void metadataOtherThanTextIsRefused(String metadata) throws IOException {
        RawSafetensors.of("{\"__metadata__\":" + metadata + "," + MATRIX + "}", bytes(12, 0))
                .write(path());
        assertRefused("__metadata__");
    }

    @Test
    void aNameThatATerminalWouldObeyIsPrintedInOneLine() throws IOException {
        RawSafetensors.of("{" + tensor("a\\n\\u001b[2Jb", "F17", "[12]", 0, 12) + "}", bytes(12, 0))
                .write(path());
        String message = assertRefused("dtype 'F17'");
        assertTrue(message.contains("a [2Jb"), message);
    }

    @Test
    void aVeryLongNameIsCut() throws IOException {
        RawSafetensors.of(
                        "{" + tensor("a".repeat(40_000), "F17", "[12]", 0, 12) + "}", bytes(12, 0))
                .write(path());
        assertTrue(assertRefused("aaa").length() < 2000);
    }

    @Test
    void whatCannotBeReadIsNamedWithTheReason() throws IOException {
        assertRefused("no such file");
        Files.createSymbolicLink(path(), directory.resolve("nowhere"));
        assertRefused("no such file");
        Files.delete(path());
        Files.createDirectory(path());
        assertRefused("file.safetensors");
    }

    @Test
    void aFileLargerThanTwoGigabytesIsMappedToItsEnd() throws IOException {
        long size = 3L << 30;
        String header =
                "{"
                        + tensor("first", "U8", "[2]", 0, 2)
                        + ","
                        + tensor("huge", "BF16", "[1610612734]", 2, size - 2)
                        + ","
                        + tensor("last", "F16", "[]", size - 2, size)
                        + "}";
        RawSafetensors.of(header, new byte[] {0x3c, 0x40}).writeSparse(path(), size);
        try (Safetensors read = Safetensors.open(path());
                Arena memory = Arena.ofConfined()) {
            TensorView[] views =
                    read.tensors().stream()
                            .map(tensor -> read.map(tensor, memory))
                            .toArray(TensorView[]::new);
            assertEquals(size - 4, views[1].data().byteSize());
            assertEquals(0f, DType.BF16.get(views[1].data(), 1_610_612_733L));
            assertEquals(Float.float16ToFloat((short) 0x403c), DType.F16.get(views[2].data(), 0));
        }
    }

    @Property(tries = 300)
    void noBytesAtAllBringTheReaderDown(
            @ForAll @Size(max = 120) byte[] bytes, @ForAll @IntRange(max = 130) int claimed)
            throws IOException {
        Path file = Files.createTempFile("wanda4j", ".safetensors");
        try {
            new RawSafetensors(claimed, "{\"a\":{\"dtype\":\"U8\",", bytes).write(file);
            assertThrows(InvalidInputException.class, () -> Safetensors.open(file).close());
        } finally {
            Files.delete(file);
        }
    }

    private Path path() {
        return directory.resolve("file.safetensors");
    }

    private String assertRefused(String expected) {
        var refusal =
                assertThrows(InvalidInputException.class, () -> Safetensors.open(path()).close());
        String message = refusal.getMessage();
        assertTrue(message.contains(expected), message);
        assertTrue(message.contains(path().toString()), message);
        assertFalse(message.contains("\n"), message);
        return message;
    }
}
