package org.wanda4j.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Blocks of ggml's types to floats and back. `d` is a block's scale, `m` its minimum, both fp16; `q` are its small numbers.
///
///     Q8_0   d, 32 x 8 bits                     d q
///     Q4_0   d, 32 x 4 bits                     d (q - 8)
///     Q4_1   d, m, 32 x 4 bits                  d q + m
///     Q5_0   d, 32 fifth bits, 32 x 4 bits      d (q - 16)
///     Q5_1   d, m, 32 fifth bits, 32 x 4 bits   d q + m
///     Q4_K   d, m, 8 x (s, n) of 6 bits, 256 x 4 bits                     (d s) q - (m n)
///     Q5_K   d, m, 8 x (s, n) of 6 bits, 256 fifth bits, 256 x 4 bits     (d s) q - (m n)
///     Q6_K   256 x lower 4 bits, 256 x upper 2 bits, 16 x s of 8 bits, d  (d s) (q - 32)
///
/// Of four-bit values of 32, byte `i` holds value `i` in its lower and value `i + 16` in its upper half.
final class GgmlBlocks {

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Values of a block of the simple types.
    private static final int BLOCK = 32;

    /// Values of a block of the types with scales of scales.
    private static final int LARGE = 256;

    private GgmlBlocks() {}

    static void decode(GgmlType type, MemorySegment data, long offset, float[] values) {
        long at = offset;
        for (int i = 0; i < values.length; i += type.blockValues(), at += type.blockBytes()) {
            switch (type) {
                case F32 -> values[i] = data.get(FLOAT, at);
                case F16 -> values[i] = half(data, at);
                case BF16 -> values[i] = Bf16.toFloat(data.get(SHORT, at));
                case Q8_0 -> decodeEight(data, at, values, i);
                case Q4_0 -> decodeCentred(data, at, values, i, 2, 8, 0);
                case Q5_0 -> decodeCentred(data, at, values, i, 6, 16, data.get(INT, at + 2));
                case Q4_1 -> decodeFromMinimum(data, at, values, i, 4, 0);
                case Q5_1 -> decodeFromMinimum(data, at, values, i, 8, data.get(INT, at + 4));
                case Q4_K -> decodeLarge(data, at, values, i, 16, false);
                case Q5_K -> decodeLarge(data, at, values, i, 48, true);
                case Q6_K -> decodeSix(data, at, values, i);
            }
        }
    }

    private static void decodeEight(MemorySegment data, long at, float[] values, int to) {
        float scale = half(data, at);
        for (int i = 0; i < BLOCK; i++) {
            values[to + i] = scale * data.get(ValueLayout.JAVA_BYTE, at + 2 + i);
        }
    }

    /// @param nibbles where the values' lower four bits begin in the block
    /// @param centre what is subtracted from a value
    /// @param fifth the fifth bit of each value
    private static void decodeCentred(
            MemorySegment data,
            long at,
            float[] values,
            int to,
            int nibbles,
            int centre,
            int fifth) {
        float scale = half(data, at);
        for (int i = 0; i < BLOCK / 2; i++) {
            int pair = octet(data, at + nibbles + i);
            values[to + i] = scale * (((pair & 15) | bit(fifth, i)) - centre);
            values[to + i + 16] = scale * (((pair >> 4) | bit(fifth, i + 16)) - centre);
        }
    }

    private static void decodeFromMinimum(
            MemorySegment data, long at, float[] values, int to, int nibbles, int fifth) {
        float scale = half(data, at);
        float minimum = half(data, at + 2);
        for (int i = 0; i < BLOCK / 2; i++) {
            int pair = octet(data, at + nibbles + i);
            values[to + i] = scale * ((pair & 15) | bit(fifth, i)) + minimum;
            values[to + i + 16] = scale * ((pair >> 4) | bit(fifth, i + 16)) + minimum;
        }
    }

    /// Bit `index` of `fifth`, as the fifth bit of a value.
    private static int bit(int fifth, int index) {
        return ((fifth >>> index) & 1) << 4;
    }

    /// @param nibbles where the values' lower four bits begin in the block
    /// @param five whether fifth bits follow the scales
    private static void decodeLarge(
            MemorySegment data, long at, float[] values, int to, int nibbles, boolean five) {
        float scale = half(data, at);
        float minimum = half(data, at + 2);
        for (int group = 0; group < LARGE / BLOCK; group++) {
            float ownScale = scale * sixBits(data, at + 4, group, 0);
            float ownMinimum = minimum * sixBits(data, at + 4, group, 4);
            int shift = group % 2 * 4;
            long pairs = at + nibbles + group / 2 * (long) BLOCK;
            for (int i = 0; i < BLOCK; i++) {
                int value = (octet(data, pairs + i) >> shift) & 15;
                if (five) {
                    value |= ((octet(data, at + 16 + i) >> group) & 1) << 4;
                }
                values[to + group * BLOCK + i] = ownScale * value - ownMinimum;
            }
        }
    }

    /// The scale (`half` 0) or the minimum (`half` 4) of a group, out of 12 bytes: the first four of each lie in the lower six
    /// bits of a byte; of the others the lower four bits lie in the last four bytes, the upper two above those of the first.
    private static int sixBits(MemorySegment data, long scales, int group, int half) {
        if (group < 4) {
            return octet(data, scales + half + group) & 63;
        }
        int lower = (octet(data, scales + 4 + group) >> half) & 15;
        return lower | (octet(data, scales + half + group - 4) >> 6) << 4;
    }

    private static void decodeSix(MemorySegment data, long at, float[] values, int to) {
        float scale = half(data, at + 208);
        for (int i = 0; i < LARGE; i++) {
            int half = i / 128;
            int quarter = i % 128 / 32;
            long lowers = at + half * 64L + quarter % 2 * 32L;
            long uppers = at + 128 + half * 32L;
            int lane = i % 32;
            int lower = (octet(data, lowers + lane) >> (quarter / 2 * 4)) & 15;
            int upper = (octet(data, uppers + lane) >> (quarter * 2)) & 3;
            float own = scale * data.get(ValueLayout.JAVA_BYTE, at + 192 + i / 16);
            values[to + i] = own * ((lower | (upper << 4)) - 32);
        }
    }

    static void encode(GgmlType type, float[] values, MemorySegment data, long offset) {
        long at = offset;
        for (int i = 0; i < values.length; i += type.blockValues(), at += type.blockBytes()) {
            switch (type) {
                case F32 -> data.set(FLOAT, at, values[i]);
                case F16 -> data.set(SHORT, at, Float.floatToFloat16(values[i]));
                case BF16 -> data.set(SHORT, at, Bf16.round(values[i]));
                case Q8_0 -> encodeEight(values, i, data, at);
                case Q4_0 -> encodeFour(values, i, data, at);
                case Q4_K -> encodeLarge(values, i, data, at);
                default -> throw new IllegalArgumentException(type + " is not written");
            }
        }
    }

    /// The largest value becomes 127; halves are rounded away from zero.
    private static void encodeEight(float[] values, int from, MemorySegment data, long at) {
        float largest = 0;
        for (int i = 0; i < BLOCK; i++) {
            largest = Math.max(largest, Math.abs(values[from + i]));
        }
        float scale = largest / 127;
        float inverse = scale == 0 ? 0 : 1 / scale;
        data.set(SHORT, at, Float.floatToFloat16(scale));
        for (int i = 0; i < BLOCK; i++) {
            float value = values[from + i] * inverse;
            float rounded = (float) Math.floor(Math.abs(value) + 0.5);
            data.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) Math.copySign(rounded, value));
        }
    }

    /// The value of largest magnitude becomes 0, which stands for -8.
    private static void encodeFour(float[] values, int from, MemorySegment data, long at) {
        float largest = 0;
        for (int i = 0; i < BLOCK; i++) {
            if (Math.abs(values[from + i]) > Math.abs(largest)) {
                largest = values[from + i];
            }
        }
        float scale = largest / -8;
        float inverse = scale == 0 ? 0 : 1 / scale;
        data.set(SHORT, at, Float.floatToFloat16(scale));
        for (int i = 0; i < BLOCK / 2; i++) {
            int pair = four(values[from + i], inverse) | four(values[from + i + 16], inverse) << 4;
            data.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) pair);
        }
    }

    /// Each group gets the line that fits it best; the groups' scales and minima are rounded to 6 bits of their largest.
    private static void encodeLarge(float[] values, int from, MemorySegment data, long at) {
        AffineFit[] fits = new AffineFit[LARGE / BLOCK];
        float largestScale = 0;
        float largestMinimum = 0;
        for (int group = 0; group < fits.length; group++) {
            fits[group] = AffineFit.of(values, from + group * BLOCK, BLOCK);
            largestScale = Math.max(largestScale, fits[group].scale());
            largestMinimum = Math.max(largestMinimum, fits[group].minimum());
        }
        data.set(SHORT, at, Float.floatToFloat16(largestScale / 63));
        data.set(SHORT, at + 2, Float.floatToFloat16(largestMinimum / 63));
        data.asSlice(at + 4, 140).fill((byte) 0);
        for (int group = 0; group < fits.length; group++) {
            putSixBits(data, at + 4, group, 0, share(fits[group].scale(), largestScale));
            putSixBits(data, at + 4, group, 4, share(fits[group].minimum(), largestMinimum));
            float scale = half(data, at) * sixBits(data, at + 4, group, 0);
            float minimum = half(data, at + 2) * sixBits(data, at + 4, group, 4);
            long pairs = at + 16 + group / 2 * (long) BLOCK;
            for (int i = 0; i < BLOCK && scale > 0; i++) {
                double q = Math.rint((values[from + group * BLOCK + i] + minimum) / scale);
                or(data, pairs + i, (int) Math.clamp(q, 0, 15) << (group % 2 * 4));
            }
        }
    }

    private static int share(float value, float largest) {
        return largest == 0 ? 0 : Math.clamp(Math.round(63 * value / largest), 0, 63);
    }

    /// Puts what [#sixBits] reads.
    private static void putSixBits(
            MemorySegment data, long scales, int group, int half, int value) {
        if (group < 4) {
            or(data, scales + half + group, value);
        } else {
            or(data, scales + 4 + group, (value & 15) << half);
            or(data, scales + half + group - 4, (value >> 4) << 6);
        }
    }

    private static void or(MemorySegment data, long at, int bits) {
        data.set(ValueLayout.JAVA_BYTE, at, (byte) (octet(data, at) | bits));
    }

    private static int four(float value, float inverse) {
        return Math.clamp((int) (value * inverse + 8.5f), 0, 15);
    }

    private static float half(MemorySegment data, long at) {
        return Float.float16ToFloat(data.get(SHORT, at));
    }

    private static int octet(MemorySegment data, long at) {
        return data.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }
}
