package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DTypeTest {

    /// Bit patterns from the definitions of the formats: IEEE 754 binary16 and binary32, and the upper half of the
    /// latter.
    @ParameterizedTest
    @CsvSource({
        "F32, 00 00 80 3f, 1",
        "F32, 00 00 20 c0, -2.5",
        "F32, 01 00 00 00, 1.401298464324817e-45",
        "F32, 00 00 80 7f, Infinity",
        "F16, 00 3c, 1",
        "F16, 00 c1, -2.5",
        "F16, 01 00, 5.9604644775390625e-8",
        "F16, ff 7b, 65504",
        "F16, 00 7c, Infinity",
        "BF16, 80 3f, 1",
        "BF16, 20 c0, -2.5",
        "BF16, 00 80, -0.0",
        "BF16, 7f 7f, 3.3895313892515355e38",
        "BF16, 80 ff, -Infinity"
    })
    void weightsAreReadExactly(DType type, String bytes, float expected) {
        MemorySegment data = MemorySegment.ofArray(new byte[1 + 2 * type.bytes()]).asSlice(1);
        MemorySegment.copy(
                MemorySegment.ofArray(HexFormat.ofDelimiter(" ").parseHex(bytes)),
                0,
                data,
                type.bytes(),
                type.bytes());
        assertEquals(expected, type.get(data, 1));
        assertEquals(0f, type.get(data, 0));
        assertArrayEquals(new float[] {0, expected}, type.floats(data));
    }

    @Test
    void onlyBf16AndFp16AndFp32AreWeights() {
        assertEquals(
                List.of(DType.F32, DType.F16, DType.BF16),
                List.of(DType.values()).stream().filter(DType::isWeight).toList());
        assertThrows(
                IllegalArgumentException.class,
                () -> DType.I32.get(MemorySegment.ofArray(new int[1]), 0));
        assertThrows(
                IllegalArgumentException.class,
                () -> DType.I16.floats(MemorySegment.ofArray(new int[1])));
    }

    @ParameterizedTest
    @CsvSource({"BF16, 32640", "BF16, 32704", "F16, 31744", "F16, 32256"})
    void oneInfiniteOrUndefinedElementIsNoticed(DType type, short bits) {
        short[] elements = new short[5];
        MemorySegment data = MemorySegment.ofArray(elements);
        assertTrue(Float.isFinite(type.get(data, 4)));
        elements[4] = bits;
        assertFalse(Float.isFinite(type.get(data, 4)));
    }
}
