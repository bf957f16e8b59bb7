package org.wanda4j.calibrate;

import java.util.Optional;

/// How windows are cut into parts that processes share: whole batches, so that each is computed as in a run of one process.
public final class WindowParts {

    /// Most parts, where nobody has said how many; not the number of processes, which must not decide anything. Where each batch is
    /// a part, Gram matrices too are added up in the order of one process.
    private static final int MOST = 128;

    /// Most bytes of a part, about: those of a batch may be more.
    private static final long BYTES = 1L << 29;

    private WindowParts() {}

    /// How many parts there are.
    ///
    /// @param layout of all windows
    /// @param wanted how many are wanted; a batch each, but not too many, where empty
    public static int count(ActivationStore.Layout layout, Optional<Integer> wanted) {
        int least = Math.toIntExact(Math.ceilDiv(layout.bytes(), BYTES));
        return Math.min(batches(layout), Math.max(wanted.orElse(MOST), least));
    }

    /// The first window of part `number`; of the one behind the last, how many there are.
    ///
    /// @param count of all parts
    public static int firstWindow(ActivationStore.Layout layout, int number, int count) {
        long batch = (long) batches(layout) * number / count;
        return (int) Math.min(layout.windows(), batch * layout.windowsPerBatch());
    }

    private static int batches(ActivationStore.Layout layout) {
        return Math.ceilDiv(layout.windows(), layout.windowsPerBatch());
    }
}
