package org.wanda4j.runtime.internal.decode;

/// The upper half of an fp32.
final class UpperHalf {

    private static final int BELOW_HALF = 0x7fff;

    private UpperHalf() {}

    /// The nearest to `value`, of two the even one.
    static short rounded(float value) {
        int bits = Float.floatToRawIntBits(value);
        return (short) ((bits + BELOW_HALF + (bits >>> Short.SIZE & 1)) >>> Short.SIZE);
    }
}
