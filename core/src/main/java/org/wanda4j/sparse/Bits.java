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
}
