package org.wanda4j.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.wanda4j.checkpoint.DType;

/// Both kinds of kernels do what their description says, on rows anywhere in memory.
class WeightKernelsTest {

    private static final List<Kernels> BOTH = List.of(Kernels.scalar(), Kernels.best());
    private static final int LONGEST = 600;

    @Provide
    Arbitrary<DType> weightTypes() {
        return Arbitraries.of(DType.BF16, DType.F16, DType.F32);
    }

    /// A row of any finite bit patterns, a quarter of them zeros, at `offset` bytes into a segment.
    private static MemorySegment row(
            Arena arena, DType type, int columns, int offset, Random random) {
        MemorySegment row = segment(arena, type, columns, offset);
        for (int j = 0; j < columns; j++) {
            do {
                int bits =
                        random.nextInt(4) == 0
                                ? random.nextInt() & 0x80008000 & -random.nextInt(2)
                                : random.nextInt();
                if (type.bytes() == 2) {
                    DTypeBits.setShort(row, j, (short) bits);
                } else {
                    DTypeBits.setInt(row, j, bits & ~0x8000);
                }
            } while (!Float.isFinite(type.get(row, j)));
        }
        return row;
    }

    private static MemorySegment segment(Arena arena, DType type, int columns, int offset) {
        return arena.allocate((long) columns * type.bytes() + 8, 64)
                .asSlice(offset, (long) columns * type.bytes());
    }

    private static float[] norms(int columns, Random random) {
        float[] norms = new float[columns];
        for (int j = 0; j < columns; j++) {
            norms[j] = (float) Math.exp(3 * random.nextGaussian());
        }
        return norms;
    }

    @Property
    void aScoreIsTheAbsoluteWeightTimesTheNorm(
            @ForAll("weightTypes") DType type,
            @ForAll @IntRange(max = LONGEST) int columns,
            @ForAll @IntRange(max = 7) int offset,
            @ForAll long seed) {
        Random random = new Random(seed);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment row = row(arena, type, columns, offset, random);
            float[] norms = norms(columns, random);
            float[] expected = new float[columns];
            for (int j = 0; j < columns; j++) {
                expected[j] = Math.abs(type.get(row, j)) * norms[j];
            }
            for (Kernels kernels : BOTH) {
                float[] scores = new float[columns];

                boolean finite = kernels.weights().scores(row, type, norms, scores);

                assertEquals(true, finite, kernels.description());
                assertArrayEquals(expected, scores, 0, kernels.description());
            }
        }
    }

    @Property
    void aWeightThatIsNotFiniteIsNoticedWhereverItIs(
            @ForAll("weightTypes") DType type,
            @ForAll @IntRange(min = 1, max = LONGEST) int columns,
            @ForAll @IntRange(max = LONGEST) int at,
            @ForAll boolean infinite,
            @ForAll boolean negative,
            @ForAll long seed) {
        Random random = new Random(seed);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment row = row(arena, type, columns, 0, random);
            DTypeBits.setNonFinite(row, type, at % columns, infinite, negative);
            for (Kernels kernels : BOTH) {
                assertFalse(
                        kernels.weights()
                                .scores(row, type, norms(columns, random), new float[columns]),
                        kernels.description());
            }
        }
    }

    @Property
    void removedWeightsBecomePositiveZeroAndTheOthersKeepTheirBits(
            @ForAll("weightTypes") DType type,
            @ForAll @IntRange(max = LONGEST) int columns,
            @ForAll @IntRange(max = 7) int offset,
            @ForAll boolean inPlace,
            @ForAll long seed) {
        try (Arena arena = Arena.ofConfined()) {
            Mask mask = new Mask(2, columns);
            Random random = new Random(seed);
            for (int j = 0; j < columns; j++) {
                if (random.nextBoolean()) {
                    mask.set(1, j);
                }
            }
            byte[] original =
                    row(arena, type, columns, 0, random)
                            .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
            byte[] expected = original.clone();
            for (int i = 0; i < expected.length; i++) {
                expected[i] = mask.get(1, i / type.bytes()) ? 0 : expected[i];
            }
            for (Kernels kernels : BOTH) {
                MemorySegment from =
                        segment(arena, type, columns, offset)
                                .copyFrom(MemorySegment.ofArray(original));
                MemorySegment to = inPlace ? from : segment(arena, type, columns, 7 - offset);

                kernels.weights().zero(from, to, type, mask.words(), mask.wordsPerRow());

                assertArrayEquals(
                        expected,
                        to.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE),
                        kernels.description());
            }
        }
    }

    @Property
    void zerosOfEitherSignAreMarkedAndCounted(
            @ForAll("weightTypes") DType type,
            @ForAll @IntRange(max = LONGEST) int columns,
            @ForAll @IntRange(max = 7) int offset,
            @ForAll long seed) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment row = row(arena, type, columns, offset, new Random(seed));
            Mask expected = new Mask(1, columns);
            for (int j = 0; j < columns; j++) {
                if (type.get(row, j) == 0) {
                    expected.set(0, j);
                }
            }
            for (Kernels kernels : BOTH) {
                Mask zeros = new Mask(1, columns);

                int count = kernels.weights().markZeros(row, type, zeros.words(), 0);

                assertEquals(expected.count(), count, kernels.description());
                assertArrayEquals(expected.words(), zeros.words(), kernels.description());
            }
        }
    }
}
