package org.wanda4j.sparse;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.wanda4j.checkpoint.DType;

/// Writes bit patterns of weights.
final class DTypeBits {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private DTypeBits() {}

    static void setShort(MemorySegment row, long index, short bits) {
        row.set(SHORT, index * 2, bits);
    }

    static void setInt(MemorySegment row, long index, int bits) {
        row.set(INT, index * 4, bits);
    }

    static void setNonFinite(
            MemorySegment row, DType type, long index, boolean infinite, boolean negative) {
        int payload = infinite ? 0 : 1;
        switch (type) {
            case F32 -> setInt(row, index, (negative ? 0xff800000 : 0x7f800000) | payload);
            case BF16 -> setShort(row, index, (short) ((negative ? 0xff80 : 0x7f80) | payload));
            default -> setShort(row, index, (short) ((negative ? 0xfc00 : 0x7c00) | payload));
        }
    }
}
