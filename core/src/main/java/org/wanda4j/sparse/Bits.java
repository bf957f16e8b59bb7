package org.wanda4j.sparse;

/// Runs of up to 64 bits at any place in an array of words.
final class Bits {

    private Bits() {}

    /// Sets the bits of `bits` at bit `at` of `words` and on; `bits` has no 1 beyond its run.
    static void or(long[] words, long at, long bits) {
        int word = (int) (at >>> 6);
        words[word] |= bits << at;
        long rest = bits >>> 1 >>> (~at & 63);
        if (rest != 0) {
            words[word + 1] |= rest;
        }
    }

    /// How many of the `length` bits from bit `at` on are 1.
    static int count(long[] words, long at, int length) {
        int count = 0;
        for (long bit = at, end = at + length; bit < end; ) {
            int here = (int) Math.min(end - bit, 64 - (bit & 63));
            count += Long.bitCount(words[(int) (bit >>> 6)] >>> bit << (64 - here));
            bit += here;
        }
        return count;
    }
}
