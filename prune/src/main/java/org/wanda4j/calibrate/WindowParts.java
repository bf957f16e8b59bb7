package org.wanda4j.calibrate;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.wanda4j.text.Windows;

/// How windows are cut into parts that processes share: whole batches, so that each is computed as in a run of one process.
public final class WindowParts {

    /// Most parts, where nobody has said how many; not the number of processes, which must not decide anything. Where each batch is
    /// a part, Gram matrices too are added up in the order of one process.
    public static final int MOST = 128;

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

    /// The windows of each part.
    ///
    /// @param layout of all windows
    /// @param workers that the parts are for
    public static List<Windows> of(
            Windows windows, ActivationStore.Layout layout, Workers workers) {
        int count = count(layout, Optional.of(workers.parts(batches(layout))));
        return IntStream.range(0, count)
                .mapToObj(i ->
                        new Windows(
                                windows.seqlen(),
                                windows.ids()
                                        .subList(
                                                firstWindow(layout, i, count),
                                                firstWindow(layout, i + 1, count))))
                .toList();
    }

    private static int batches(ActivationStore.Layout layout) {
        return Math.ceilDiv(layout.windows(), layout.windowsPerBatch());
    }
}
