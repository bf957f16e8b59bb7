package org.wanda4j.sparse;

/// The passes over one row of scores that [RowSelector] is made of.
///
/// A score is >= 0 and not NaN, so floats order as their bit patterns do; pivots are such patterns. Every
/// implementation gives the same bits, but for [#sum].
interface ScoreKernels {

    /// About the sum of `scores[from..to)`: the order of additions is free.
    float sum(float[] scores, int from, int to);

    /// Counts the scores below each of three pivots in one pass over `scores[from..to)`.
    ///
    /// @param pivots three bit patterns
    /// @param counts receives three counts
    void countBelow(float[] scores, int from, int to, int[] pivots, int[] counts);

    /// The smallest and the largest of the scores in `[low, high)`, of which there is at least one.
    ///
    /// @param range receives the two bit patterns
    void range(float[] scores, int from, int to, int low, int high, int[] range);

    /// Marks what is below `low` and lists what is in `[low, high)`.
    ///
    /// @param low bit pattern
    /// @param high bit pattern; as `low` to list nothing
    /// @param words column `c` is bit `c % 64` of `words[firstWord + c / 64]`
    /// @param listed receives the columns in `[low, high)`, ascending; large enough
    /// @return how many were listed
    int markBelow(
            float[] scores,
            int from,
            int to,
            int low,
            int high,
            long[] words,
            int firstWord,
            int[] listed);

    /// Marks the `n` smallest of each run of `m` scores, ties from the lower column on.
    ///
    /// @param m a power of two, at most [#widestRun()]
    void markRuns(float[] scores, int columns, int n, int m, long[] words, int firstWord);

    /// The longest run that [#markRuns] takes.
    int widestRun();

    /// Adds to `counts[bits >>> 16]`, the upper half of each score's bit pattern.
    ///
    /// @param counts 32768 of them
    void countUpper(float[] scores, int columns, long[] counts);

    /// Adds to `counts[bits & 0xffff]` for the scores whose upper half is `upper`.
    ///
    /// @param counts 65536 of them
    void countLower(float[] scores, int columns, int upper, long[] counts);
}
