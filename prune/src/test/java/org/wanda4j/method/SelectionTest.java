package org.wanda4j.method;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

/// Every selection against the definition, written down with a sort.
class SelectionTest {

    private static final int THREADS = 2;

    /// Scores in memory.
    private record Matrix(float[][] values) implements Scores {

        @Override
        public int rows() {
            return values.length;
        }

        @Override
        public int columns() {
            return values[0].length;
        }

        @Override
        public void row(int row, float[] into) {
            System.arraycopy(values[row], 0, into, 0, columns());
        }

        /// @param levels how many different values there are, so that a small number makes ties
        static Matrix random(int rows, int columns, int levels, long seed) {
            var random = new Random(seed);
            float[][] values = new float[rows][columns];
            for (float[] row : values) {
                for (int j = 0; j < columns; j++) {
                    row[j] = (float) Math.exp(random.nextGaussian());
                    row[j] = levels > 0 ? Math.round(row[j] * levels) / (float) levels : row[j];
                }
            }
            return new Matrix(values);
        }
    }

    @ParameterizedTest
    @CsvSource({"7,64,0", "33,577,0", "40,1536,0", "64,100,3", "5,1,0", "9,2048,1"})
    void aRowLosesItsLowestScoresTiesFromTheLowerColumnOn(int rows, int columns, int levels) {
        Matrix scores = Matrix.random(rows, columns, levels, columns);
        for (double sparsity : new double[] {0, 0.1, 0.5, 0.77, 0.999}) {
            Mask mask = Selection.ROW.select(scores, new Unstructured(sparsity), THREADS);
            for (int row = 0; row < rows; row++) {
                int removed = (int) (columns * sparsity);
                assertArrayEquals(
                        lowest(scores.values()[row], 0, columns, removed), columnsOf(mask, row));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"2:4", "4:8", "1:2", "3:5", "8:16", "16:32", "1:40", "0:4"})
    void aRunOfMLosesItsNLowestScoresWhateverTheGroup(String text) {
        NofM pattern = SparsityPattern.parseNofM(text);
        Matrix scores = Matrix.random(17, 480, 4, 3);
        for (Selection selection :
                List.of(Selection.ROW, Selection.LAYER, Selection.CUMULATIVE_MASS)) {
            Mask mask = selection.select(scores, pattern, THREADS);
            for (int row = 0; row < scores.rows(); row++) {
                List<Integer> expected = new ArrayList<>();
                for (int from = 0; from < 480; from += pattern.m()) {
                    Arrays.stream(
                                    lowest(
                                            scores.values()[row],
                                            from,
                                            from + pattern.m(),
                                            pattern.n()))
                            .forEach(expected::add);
                }
                assertArrayEquals(
                        expected.stream().mapToInt(i -> i).toArray(), columnsOf(mask, row));
            }
        }
    }

    @Test
    void anMThatDoesNotDivideTheInputsIsRefused() {
        Matrix scores = Matrix.random(2, 10, 0, 1);
        assertThrows(
                InvalidInputException.class,
                () -> Selection.ROW.select(scores, new NofM(2, 4), THREADS));
    }

    @ParameterizedTest
    @CsvSource({"7,64,0", "33,577,0", "64,100,3"})
    void aMatrixLosesAllScoresUpToTheThresholdTiesIncluded(int rows, int columns, int levels) {
        Matrix scores = Matrix.random(rows, columns, levels, 5);
        float[] sorted = new float[rows * columns];
        for (int row = 0; row < rows; row++) {
            System.arraycopy(scores.values()[row], 0, sorted, row * columns, columns);
        }
        Arrays.sort(sorted);
        for (double sparsity : new double[] {0.1, 0.5, 0.9}) {
            float threshold = sorted[(int) (sorted.length * sparsity)];
            Mask mask = Selection.LAYER.select(scores, new Unstructured(sparsity), THREADS);
            for (int row = 0; row < rows; row++) {
                float[] values = scores.values()[row];
                assertArrayEquals(
                        IntStream.range(0, columns)
                                .filter(column -> values[column] <= threshold)
                                .toArray(),
                        columnsOf(mask, row));
            }
        }
        assertEquals(0, Selection.LAYER.select(scores, new Unstructured(0), THREADS).count());
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.2, 0.5, 0.7})
    void aRowLosesTheLowestScoresUpToAShareOfItsSum(double sparsity) {
        Matrix scores = Matrix.random(50, 300, 0, 9);
        Mask mask = Selection.CUMULATIVE_MASS.select(scores, new Unstructured(sparsity), THREADS);
        boolean[][] expected = byBisection(scores, sparsity);
        for (int row = 0; row < scores.rows(); row++) {
            boolean[] removed = expected[row];
            assertArrayEquals(
                    IntStream.range(0, 300).filter(column -> removed[column]).toArray(),
                    columnsOf(mask, row));
        }
    }

    @Test
    void theMaskDoesNotDependOnTheNumberOfThreads() {
        Matrix scores = Matrix.random(200, 333, 5, 2);
        for (Selection selection :
                List.of(Selection.ROW, Selection.LAYER, Selection.CUMULATIVE_MASS)) {
            Mask one = selection.select(scores, new Unstructured(0.5), 1);
            Mask three = selection.select(scores, new Unstructured(0.5), 3);
            assertArrayEquals(one.words(), three.words());
        }
    }

    private static int[] lowest(float[] row, int from, int to, int count) {
        return IntStream.range(from, to)
                .boxed()
                .sorted(Comparator.comparingDouble(column -> row[column]))
                .limit(count)
                .mapToInt(column -> column)
                .sorted()
                .toArray();
    }

    private static int[] columnsOf(Mask mask, int row) {
        return IntStream.range(0, mask.columns()).filter(column -> mask.get(row, column)).toArray();
    }

    /// The published loop: alpha is halved towards the sparsity.
    private static boolean[][] byBisection(Matrix scores, double sparsity) {
        double low = 0;
        double high = 0.8;
        double alpha = 0.4;
        boolean[][] mask = upToShare(scores, alpha);
        while (Math.abs(share(mask) - sparsity) > 0.001 && high - low >= 0.001) {
            if (share(mask) > sparsity) {
                high = alpha;
                alpha = (alpha + low) / 2;
            } else {
                low = alpha;
                alpha = (alpha + high) / 2;
            }
            mask = upToShare(scores, alpha);
        }
        return mask;
    }

    private static boolean[][] upToShare(Matrix scores, double alpha) {
        boolean[][] mask = new boolean[scores.rows()][scores.columns()];
        for (int row = 0; row < scores.rows(); row++) {
            float[] values = scores.values()[row];
            float[] sorted = values.clone();
            Arrays.sort(sorted);
            double total = 0;
            for (float value : sorted) {
                total += value;
            }
            double sum = 0;
            float threshold = -1;
            for (float value : sorted) {
                sum += value;
                if ((float) sum <= (float) total * (float) alpha) {
                    threshold = value;
                }
            }
            for (int column = 0; column < values.length; column++) {
                mask[row][column] = values[column] <= threshold;
            }
        }
        return mask;
    }

    private static double share(boolean[][] mask) {
        long removed = 0;
        for (boolean[] row : mask) {
            for (boolean one : row) {
                removed += one ? 1 : 0;
            }
        }
        return removed / (double) (mask.length * mask[0].length);
    }
}
