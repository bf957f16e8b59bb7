package org.wanda4j.text;

import org.apache.commons.rng.core.source32.MersenneTwister;

/// Python's `random.Random`, number for number: MT19937, seeded by the 32-bit digits of an integer.
final class PythonRandom {

    private final MersenneTwister twister;

    /// As `random.seed(seed)`.
    PythonRandom(long seed) {
        long magnitude = Math.abs(seed); // of Long.MIN_VALUE, its bits are 2^63 already
        int low = (int) magnitude;
        int high = (int) (magnitude >>> Integer.SIZE);
        twister = new MersenneTwister(high == 0 ? new int[] {low} : new int[] {low, high});
    }

    /// As `random.randint(0, bound - 1)`: leading bits are drawn until they are less than the
    /// bound.
    ///
    /// @param bound at least 1
    /// @return 0 <= value < bound
    int below(int bound) {
        if (bound < 1) {
            throw new IllegalArgumentException("bound must be at least 1, got " + bound);
        }
        int unused = Integer.numberOfLeadingZeros(bound);
        int value = twister.nextInt() >>> unused;
        while (value >= bound) {
            value = twister.nextInt() >>> unused;
        }
        return value;
    }

    /// As `random.shuffle(values)`.
    void shuffle(int[] values) {
        for (int i = values.length - 1; i > 0; i--) {
            int j = below(i + 1);
            int value = values[i];
            values[i] = values[j];
            values[j] = value;
        }
    }
}
