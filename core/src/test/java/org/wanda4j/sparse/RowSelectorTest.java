package org.wanda4j.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/// Both kinds of kernels select what a stable sort selects.
class RowSelectorTest {

    private static final List<Kernels> BOTH = List.of(Kernels.scalar(), Kernels.best());

    @Provide
    Arbitrary<float[]> rows() {
        return ScoreRows.rows(1700);
    }

    @Provide
    Arbitrary<List<float[]>> matrices() {
        return rows().list().ofMinSize(1).ofMaxSize(6);
    }

    @Property
    void theSmallestOfARowAreMarkedTiesFromTheLowerColumnOn(
            @ForAll("matrices") List<float[]> rows,
            @ForAll @DoubleRange(min = 0, max = 1) double share) {
        for (Kernels kernels : BOTH) {
            RowSelector selector = kernels.selector();
            for (float[] row : rows) {
                int k = (int) (row.length * share);
                Mask expected = new Mask(1, row.length);
                ScoreRows.markBySorting(row, 0, row.length, k, expected);
                Mask marked = new Mask(1, row.length);

                selector.markSmallest(row, 0, row.length, k, marked.words(), 0);

                assertArrayEquals(expected.words(), marked.words(), kernels.description());
            }
        }
    }

    @Property
    void aSegmentIsSelectedFromAlone(
            @ForAll("rows") float[] row,
            @ForAll @DoubleRange(min = 0, max = 1) double start,
            @ForAll @DoubleRange(min = 0, max = 1) double share) {
        int from = (int) (start * row.length);
        int k = (int) (share * (row.length - from));
        Mask expected = new Mask(1, row.length);
        ScoreRows.markBySorting(row, from, row.length, k, expected);
        for (Kernels kernels : BOTH) {
            Mask marked = new Mask(1, row.length);

            kernels.selector().markSmallest(row, from, row.length, k, marked.words(), 0);

            assertArrayEquals(expected.words(), marked.words(), kernels.description());
        }
    }

    @Property
    void ofEachRunTheNSmallestAreMarked(
            @ForAll ScoreRows.Kind kind,
            @ForAll("runLengths") int m,
            @ForAll @DoubleRange(min = 0, max = 0.99) double share,
            @ForAll @IntRange(min = 1, max = 40) int runs,
            @ForAll long seed) {
        float[] row = ScoreRows.row(kind, m * runs, seed);
        int n = (int) (share * m);
        Mask expected = new Mask(1, row.length);
        for (int from = 0; from < row.length; from += m) {
            ScoreRows.markBySorting(row, from, from + m, n, expected);
        }
        for (Kernels kernels : BOTH) {
            Mask marked = new Mask(1, row.length);

            kernels.selector().markSmallestOfRuns(row, row.length, n, m, marked.words(), 0);

            assertArrayEquals(expected.words(), marked.words(), kernels.description());
        }
    }

    @Provide
    Arbitrary<Integer> runLengths() {
        return Arbitraries.oneOf(
                Arbitraries.of(2, 4, 8, 16, 32), Arbitraries.integers().between(2, 130));
    }

    @Property
    void allUpToAThresholdAreMarked(
            @ForAll("rows") float[] row, @ForAll @IntRange(max = 1699) int at) {
        float threshold = row[at % row.length];
        Mask expected = new Mask(1, row.length);
        for (int j = 0; j < row.length; j++) {
            if (row[j] <= threshold) {
                expected.set(0, j);
            }
        }
        for (Kernels kernels : BOTH) {
            Mask marked = new Mask(1, row.length);

            kernels.selector().markAtOrBelow(row, row.length, threshold, marked.words(), 0);

            assertArrayEquals(expected.words(), marked.words(), kernels.description());
        }
    }

    @Property
    void bothHalvesOfTheBitPatternsAreCounted(
            @ForAll("rows") float[] row, @ForAll @IntRange(max = 1699) int at) {
        int upper = Float.floatToRawIntBits(row[at % row.length]) >>> 16;
        long[] expectedUpper = new long[1 << 15];
        long[] expectedLower = new long[1 << 16];
        for (float score : row) {
            int bits = Float.floatToRawIntBits(score);
            expectedUpper[bits >>> 16]++;
            if (bits >>> 16 == upper) {
                expectedLower[bits & 0xffff]++;
            }
        }
        for (Kernels kernels : BOTH) {
            long[] uppers = new long[1 << 15];
            long[] lowers = new long[1 << 16];

            kernels.selector().countUpper(row, row.length, uppers);
            kernels.selector().countLower(row, row.length, upper, lowers);

            assertArrayEquals(expectedUpper, uppers, kernels.description());
            assertArrayEquals(expectedLower, lowers, kernels.description());
        }
    }

    @Property
    void noRowTakesMoreThanABoundedNumberOfPasses(
            @ForAll("rows") float[] row, @ForAll @DoubleRange(min = 0, max = 1) double share) {
        var counting = new CountingScoreKernels(Kernels.best().scores());

        new RowSelector(counting)
                .markSmallest(
                        row,
                        0,
                        row.length,
                        (int) (row.length * share),
                        new Mask(1, row.length).words(),
                        0);

        assertTrue(counting.passes() <= 64, () -> counting.passes() + " passes");
    }

    @Test
    void moreThanThereAreCannotBeMarked() {
        RowSelector selector = Kernels.best().selector();

        assertThrows(
                IllegalArgumentException.class,
                () -> selector.markSmallest(new float[3], 0, 3, 4, new long[1], 0));
    }
}
