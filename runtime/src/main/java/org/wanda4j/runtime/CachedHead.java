package org.wanda4j.runtime;

import java.util.List;

/// What the cache keeps of a head: for each of some positions a key and a value, of `size` bf16 values each.
///
/// @param size width of the head
/// @param runs the positions in their order, at least one
record CachedHead(int size, List<Run> runs) {

    /// Positions that lie one after the other.
    ///
    /// @param keys address of the first key
    /// @param values address of the first value
    record Run(long keys, long values, int positions) {}

    int positions() {
        int sum = 0;
        for (Run run : runs) {
            sum += run.positions();
        }
        return sum;
    }
}
