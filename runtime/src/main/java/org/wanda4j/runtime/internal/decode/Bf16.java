package org.wanda4j.runtime.internal.decode;

/// The upper half of an fp32.
final class Bf16 {

    private static final int BELOW_HALF = 0x7fff;

    private Bf16() {}

    /// The nearest to `value`, of two the even one.
    static short rounded(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (short) ((bits + BELOW_HALF + (bits >>> Short.SIZE & 1)) >>> Short.SIZE);
    }
}
