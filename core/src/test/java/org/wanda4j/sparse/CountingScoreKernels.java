package org.wanda4j.sparse;

/// Counts the passes over a row.
final class CountingScoreKernels implements ScoreKernels {

    private final ScoreKernels kernels;
    private int passes;

    CountingScoreKernels(ScoreKernels kernels) {
        this.kernels = kernels;
    }

    int passes() {
        return passes;
    }

    @Override
    public float sum(float[] scores, int from, int to) {
        passes++;
        return kernels.sum(scores, from, to);
    }

    @Override
    public void countBelow(float[] scores, int from, int to, int[] pivots, int[] counts) {
        passes++;
        kernels.countBelow(scores, from, to, pivots, counts);
    }

    @Override
    public void range(float[] scores, int from, int to, int low, int high, int[] range) {
        passes++;
        kernels.range(scores, from, to, low, high, range);
    }

    @Override
    public int markBelow(
            float[] scores,
            int from,
            int to,
            int low,
            int high,
            long[] words,
            int firstWord,
            int[] listed) {
        passes++;
        return kernels.markBelow(scores, from, to, low, high, words, firstWord, listed);
    }

    @Override
    public void markRuns(float[] scores, int columns, int n, int m, long[] words, int firstWord) {
        passes++;
        kernels.markRuns(scores, columns, n, m, words, firstWord);
    }

    @Override
    public int widestRun() {
        return kernels.widestRun();
    }

    @Override
    public void countUpper(float[] scores, int columns, long[] counts) {
        passes++;
        kernels.countUpper(scores, columns, counts);
    }

    @Override
    public void countLower(float[] scores, int columns, int upper, long[] counts) {
        passes++;
        kernels.countLower(scores, columns, upper, counts);
    }
}
