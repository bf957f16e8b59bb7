package org.wanda4j.checkpoint;

/// Brain floating point: the upper half of a float.
final class Bf16 {

    private Bf16() {}

    /// The nearest bf16, ties to even. What is a bf16 already keeps its bits, NaN included.
    static short round(float value) {
        int bits = Float.floatToRawIntBits(value);
        if ((bits & 0xffff) == 0) {
            return (short) (bits >>> 16);
        }
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        int half = 0x7fff + ((bits >>> 16) & 1);
        return (short) ((bits + half) >>> 16);
    }

    /// The least bf16 that is not below `value`.
    ///
    /// @param value finite and >= 0
    static short ceil(float value) {
        return (short) ((Float.floatToRawIntBits(value) + 0xffff) >>> 16);
    }

    /// The value of `bits`.
    static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }
}
