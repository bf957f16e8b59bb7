package org.wanda4j.grammar;

/// A set of tokens.
///
/// @param words a bit for each id
/// @param furthest most bytes that are needed to end the text behind one of them
record TokenMask(long[] words, int furthest) {

    boolean has(int id) {
        return id >> 6 < words.length && (words[id >> 6] >>> id & 1) != 0;
    }

    long bytes() {
        return (long) words.length * Long.BYTES;
    }
}
