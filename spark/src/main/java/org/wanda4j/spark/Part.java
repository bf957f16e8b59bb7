package org.wanda4j.spark;

import java.io.Serializable;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.wanda4j.calibrate.ActivationStore;

/// Some consecutive windows, whole batches of them, with their hidden states: a partition.
///
/// @param number from 0
/// @param first number of its first window in the whole
/// @param windows how many
/// @param hidden bytes of their hidden states
/// @param between bytes of what they hand from one stage to the next; empty where that is not kept
record Part(int number, int first, int windows, byte[] hidden, byte[] between)
        implements Serializable {

    /// Takes what is in a store of its windows.
    Part with(ActivationStore store) {
        return new Part(number, first, windows, bytes(store.states()), bytes(store.between()));
    }

    /// Fills a store of its windows.
    void copyTo(ActivationStore store) {
        store.states().copyFrom(MemorySegment.ofArray(hidden));
        if (between.length > 0) {
            store.between().copyFrom(MemorySegment.ofArray(between));
        }
    }

    private static byte[] bytes(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }
}
