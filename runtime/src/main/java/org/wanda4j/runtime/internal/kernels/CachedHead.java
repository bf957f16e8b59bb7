package org.wanda4j.runtime.internal.kernels;

import java.util.Arrays;

/// Addresses of a head's cached keys and values: runs of consecutive positions, each with a key and a value of `size` bf16 values.
///
/// Reused by a thread for each head of each token, as new objects would be most of the garbage.
public final class CachedHead {

    private int size;
    private int runs;
    private long[] keys = new long[1];
    private long[] values = new long[1];
    private int[] positions = new int[1];

    /// Removes all runs.
    ///
    /// @param size width of the head
    public void clear(int size) {
        this.size = size;
        this.runs = 0;
    }

    /// Adds a run.
    ///
    /// @param keys address of the first key
    /// @param values address of the first value
    public void add(long keys, long values, int positions) {
        if (runs == this.keys.length) {
            this.keys = Arrays.copyOf(this.keys, 2 * runs);
            this.values = Arrays.copyOf(this.values, 2 * runs);
            this.positions = Arrays.copyOf(this.positions, 2 * runs);
        }
        this.keys[runs] = keys;
        this.values[runs] = values;
        this.positions[runs] = positions;
        runs++;
    }

    /// Width of a key or value.
    public int size() {
        return size;
    }

    /// Number of runs.
    public int runs() {
        return runs;
    }

    /// Address of the first key of a run.
    public long keys(int run) {
        return keys[run];
    }

    /// Address of the first value of a run.
    public long values(int run) {
        return values[run];
    }

    /// Number of positions of a run.
    public int positions(int run) {
        return positions[run];
    }

    /// Number of positions of all runs.
    public int positions() {
        int sum = 0;
        for (int run = 0; run < runs; run++) {
            sum += positions[run];
        }
        return sum;
    }
}
