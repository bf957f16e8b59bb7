package org.wanda4j.sparse;

import static jdk.incubator.vector.VectorOperators.LSHR;

import java.util.stream.IntStream;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// The rank of each lane within its run of `m` lanes: how many of the others go before it.
///
/// One goes before another when it is smaller, or equal and to the left. Lane `i` meets each of the others of its
/// run in turn as lane `i ^ r`, `0 < r < m`, so the whole vector is compared in `m - 1` steps.
///
/// @param partners for each `r`, the lane `i ^ r`
/// @param lefts for each `r`, 1 in the lanes whose partner is to the left, else 0
record RunRanks(VectorShuffle<Integer>[] partners, IntVector[] lefts) {

    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final RunRanks[] BY_LOG =
            IntStream.rangeClosed(0, Integer.numberOfTrailingZeros(INTS.length()))
                    .mapToObj(log -> create(1 << log))
                    .toArray(RunRanks[]::new);

    /// @param m a power of two, at most the lane count
    static RunRanks ofRuns(int m) {
        return BY_LOG[Integer.numberOfTrailingZeros(m)];
    }

    private static RunRanks create(int m) {
        @SuppressWarnings({"unchecked", "rawtypes"})
        VectorShuffle<Integer>[] partners = new VectorShuffle[m - 1];
        IntVector[] lefts = new IntVector[m - 1];
        for (int r = 1; r < m; r++) {
            int step = r;
            int[] left =
                    IntStream.range(0, INTS.length()).map(i -> (i ^ step) < i ? 1 : 0).toArray();
            partners[r - 1] = VectorShuffle.fromOp(INTS, i -> i ^ step);
            lefts[r - 1] = IntVector.fromArray(INTS, left, 0);
        }
        return new RunRanks(partners, lefts);
    }

    /// @param keys not negative
    /// @return the rank of each
    IntVector of(IntVector keys) {
        IntVector ranks = IntVector.zero(INTS);
        for (int r = 0; r < partners.length; r++) {
            IntVector difference = keys.rearrange(partners[r]).sub(keys.add(lefts[r]));
            ranks = ranks.add(difference.lanewise(LSHR, 31));
        }
        return ranks;
    }
}
