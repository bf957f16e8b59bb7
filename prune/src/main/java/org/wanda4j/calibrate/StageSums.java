package org.wanda4j.calibrate;

import java.util.Arrays;
import java.util.Optional;
import java.util.Queue;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListMap;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.GramSum;
import org.wanda4j.torch.TorchBlock.Measured;

/// What calibration sums up of the inputs of one stage over windows that are run here, batch by batch from any thread.
public final class StageSums implements AutoCloseable {

    private final SortedMap<Integer, WindowSum> windows = new ConcurrentSkipListMap<>();

    /// Batches whose sums may still lie on a device.
    private final Queue<Runnable> measured = new ConcurrentLinkedQueue<>();

    private final Optional<GramSum> products;

    private StageSums(Optional<GramSum> products) {
        this.products = products;
    }

    /// Sums of nothing.
    ///
    /// @param width channels of the stage
    /// @param type of its inputs
    /// @param threads that add, at most
    public static StageSums of(int width, ComputeType type, Statistic needed, int threads) {
        return new StageSums(
                needed == Statistic.GRAM
                        ? Optional.of(new GramSum(width, type, threads))
                        : Optional.empty());
    }

    /// Sums of nothing, to be added to where the engine computes.
    static StageSums of(int width, Engine engine, Statistic needed) {
        return engine.device().isHost() || needed != Statistic.GRAM
                ? of(width, engine.type(), needed, engine.threads())
                : new StageSums(Optional.of(GramSum.on(engine.device(), width, engine.type())));
    }

    /// Bytes of the heap that the squares of `windows` take.
    static long squareBytes(int width, int windows) {
        return (long) windows * width * Float.BYTES;
    }

    /// Receives the products of channels, where they are needed.
    public Optional<GramSum> products() {
        return products;
    }

    /// Adds consecutive windows. What lies on a device is not waited for.
    ///
    /// @param first number of the first one in the whole
    void add(int first, Measured batch) {
        measured.add(() -> add(first, batch.tokens(), batch.squares().get()));
    }

    /// Adds consecutive windows.
    ///
    /// @param first number of the first one in the whole
    /// @param tokens of each that reached the stage
    /// @param squares sums of each for each channel, window after window
    public void add(int first, long[] tokens, float[] squares) {
        int width = squares.length / tokens.length;
        for (int i = 0; i < tokens.length; i++) {
            float[] ofWindow = Arrays.copyOfRange(squares, i * width, (i + 1) * width);
            windows.put(first + i, new WindowSum(tokens[i], ofWindow));
        }
    }

    /// The sums by window, as they are now.
    public WindowSums windows() {
        for (Runnable next = measured.poll(); next != null; next = measured.poll()) {
            next.run();
        }
        return new WindowSums(windows);
    }

    /// The statistics of all windows, which are there. Takes over the memory of the products.
    public InputStatistics statistics() {
        return InputStatistics.of(windows(), products.map(sum -> sum.mean(windows.size())));
    }

    /// A batch has failed: threads that wait for it return.
    void abandon() {
        products.ifPresent(GramSum::abandon);
    }

    /// Frees what no statistics were made of.
    @Override
    public void close() {
        products.ifPresent(GramSum::close);
    }
}
