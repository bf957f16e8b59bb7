package org.wanda4j.sparse;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;

/// Rows of scores that are hard on a selection: ties, zeros, outliers, any bit pattern.
final class ScoreRows {

    private ScoreRows() {}

    /// How a row's scores are drawn.
    enum Kind {
        NORMAL {
            @Override
            float draw(Random random) {
                return (float) Math.abs(random.nextGaussian());
            }
        },
        ALL_EQUAL {
            @Override
            float draw(Random random) {
                return 0.25f;
            }
        },
        ALL_ZERO {
            @Override
            float draw(Random random) {
                return 0;
            }
        },
        TWO_VALUES {
            @Override
            float draw(Random random) {
                return random.nextInt(3) == 0 ? Math.nextUp(0.5f) : 0.5f;
            }
        },
        FEW_VALUES {
            @Override
            float draw(Random random) {
                return random.nextInt(7);
            }
        },
        HALF_ZERO {
            @Override
            float draw(Random random) {
                return random.nextBoolean() ? 0 : random.nextFloat();
            }
        },
        ANY_MAGNITUDE {
            @Override
            float draw(Random random) {
                return Float.intBitsToFloat(random.nextInt(0x7f800001));
            }
        },
        DENORMALS {
            @Override
            float draw(Random random) {
                return Float.intBitsToFloat(random.nextInt(200));
            }
        },
        OUTLIERS {
            @Override
            float draw(Random random) {
                return random.nextInt(50) == 0 ? 1e30f * random.nextFloat() : random.nextFloat();
            }
        },
        OVERFLOW {
            @Override
            float draw(Random random) {
                return random.nextInt(3) == 0 ? Float.POSITIVE_INFINITY : random.nextFloat();
            }
        };

        abstract float draw(Random random);
    }

    static float[] row(Kind kind, int columns, long seed) {
        Random random = new Random(seed);
        float[] row = new float[columns];
        for (int j = 0; j < columns; j++) {
            row[j] = kind.draw(random);
        }
        return row;
    }

    /// Marks the `k` smallest of `scores[from..to)` by a stable sort.
    static void markBySorting(float[] scores, int from, int to, int k, Mask mask) {
        Integer[] columns = IntStream.range(from, to).boxed().toArray(Integer[]::new);
        Arrays.sort(columns, Comparator.comparingDouble(j -> scores[j]));
        for (int i = 0; i < k; i++) {
            mask.set(0, columns[i]);
        }
    }

    static Arbitrary<float[]> rows(int longest) {
        return Combinators.combine(
                        Arbitraries.of(Kind.class),
                        Arbitraries.integers().between(1, longest),
                        Arbitraries.longs())
                .as(ScoreRows::row);
    }
}
