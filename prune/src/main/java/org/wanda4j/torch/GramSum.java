package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Adds up `X^T X` of batches that come in any order, from any thread; always in the order of their index, so that the
/// sum does not depend on threads.
///
/// A product that comes before its turn is kept until then. There are never more of them, those being computed included,
/// than threads, where batches are taken in ascending order: a thread that would need another one waits. In another order, a
/// thread that finds all others waiting takes one more.
///
/// Where batches are shared out to processes, each sums up its own, and the sums travel as [#panels()].
public final class GramSum implements AutoCloseable {

    private static final int PANEL = 1 << 18;

    private final Arena memory = Arena.ofShared();
    private final Arena scratch = Arena.ofShared();
    private final int width;
    private final Matrix total;
    private final ComputeType type;
    private final int threads;
    private final Optional<Tensor> onDevice;
    private final SortedMap<Integer, Matrix> early = new TreeMap<>();
    private final Deque<Matrix> free = new ArrayDeque<>();

    /// The batches that have a matrix: those of `early`, and those whose product is being computed.
    private final Set<Integer> taken = new HashSet<>();

    private int next;
    private final Set<Integer> waiting = new HashSet<>();
    private int made;
    private boolean abandoned;

    /// A sum of nothing.
    ///
    /// @param type of the inputs, in which their products are computed
    /// @param threads that add, at most
    public GramSum(int width, ComputeType type, int threads) {
        this(width, type, threads, Optional.empty());
    }

    /// A sum of nothing on a device, which is given batches in their order by one thread.
    public static GramSum on(Device device, int width, ComputeType type) {
        try (var _ = new PointerScope()) {
            Tensor sum = torch.zeros(new long[] {width, width}, device.options(ScalarType.Float));
            sum.retainReference();
            return new GramSum(width, type, 1, Optional.of(sum));
        }
    }

    private GramSum(int width, ComputeType type, int threads, Optional<Tensor> onDevice) {
        this.onDevice = onDevice;
        this.width = width;
        this.type = type;
        this.threads = threads;
        int size = onDevice.isPresent() ? 0 : width;
        this.total = Matrix.zeros(size, size, memory);
    }

    /// The most bytes that a sum takes.
    ///
    /// @param threads that add, at most
    public static long bytes(int width, int threads) {
        return (1L + threads) * width * width * Float.BYTES;
    }

    /// Adds those whose turn it is.
    private void addEarly() {
        while (early.containsKey(next)) {
            Matrix product = early.remove(next);
            taken.remove(next);
            free.push(product);
            total.add(product);
            next++;
            notifyAll();
        }
    }

    /// Adds the product of batch `index`, counted from 0 without gaps.
    ///
    /// @param input tokens x width
    /// @throws CancellationException when a batch that this one waited for will not come
    void add(int index, Tensor input) {
        if (onDevice.isPresent()) {
            onDevice.get().add_(Tensors.product(input.t(), input));
            return;
        }
        Matrix square = take(index);
        switch (type) {
            case FP32 -> square.square(input.contiguous());
            case BF16 -> square.squareByPanels(input);
        }
        synchronized (this) {
            early.put(index, square);
            addEarly();
        }
    }

    /// A matrix for the product of batch `index`. One is always left for the batch whose turn it is.
    private synchronized Matrix take(int index) {
        waiting.add(index);
        try {
            while (index != next && !hasRoom() && !isStuck() && !abandoned) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted");
        } finally {
            waiting.remove(index);
        }
        if (abandoned) {
            throw new CancellationException("another batch failed");
        }
        taken.add(index);
        if (index == next) {
            notifyAll(); // Nothing need be left for it any more.
        }
        if (!free.isEmpty()) {
            return free.pop();
        }
        made++;
        return Matrix.zeros(width, width, scratch);
    }

    private boolean hasRoom() {
        return taken.size() < (taken.contains(next) ? threads : threads - 1);
    }

    /// Whether all threads wait and none of them has the batch whose turn it is.
    private boolean isStuck() {
        return waiting.size() >= threads && !waiting.contains(next);
    }

    /// Ends the waiting of all threads, by an exception: a batch will not come.
    public synchronized void abandon() {
        abandoned = true;
        notifyAll();
    }

    /// Matrices besides the sum itself that it has taken so far.
    synchronized int made() {
        return made;
    }

    /// The upper triangle of the sum of all batches, row after row, in runs of rows of about [#PANEL] values: a panel never ends
    /// within a row.
    public List<float[]> panels() {
        requireAll();
        return panels(total);
    }

    static List<float[]> panels(Matrix square) {
        int width = square.rows();
        List<float[]> panels = new ArrayList<>();
        float[] row = new float[width];
        for (int first = 0; first < width; ) {
            int rows = rowsOfPanel(width, first);
            float[] panel = new float[Math.toIntExact(valuesOf(width, first, rows))];
            int at = 0;
            for (int i = first; i < first + rows; i++) {
                square.read(i, row);
                System.arraycopy(row, i, panel, at, width - i);
                at += width - i;
            }
            panels.add(panel);
            first += rows;
        }
        return panels;
    }

    /// The mean over `windows` of a sum that is there as its [#panels()].
    public static Gram mean(List<float[]> panels, int width, ComputeType type, int windows) {
        var sum = new GramSum(width, type, 1);
        float[] row = new float[width];
        int first = 0;
        for (float[] panel : panels) {
            int rows = rowsOfPanel(width, first);
            int at = 0;
            for (int i = first; i < first + rows; i++) {
                System.arraycopy(panel, at, row, i, width - i);
                sum.total.write(i, row);
                at += width - i;
            }
            first += rows;
        }
        return sum.mean(windows);
    }

    /// Rows of the panel that begins with row `first`.
    private static int rowsOfPanel(int width, int first) {
        int rows = 1;
        while (first + rows < width && valuesOf(width, first, rows) < PANEL) {
            rows++;
        }
        return rows;
    }

    private static long valuesOf(int width, int first, int rows) {
        return (long) rows * (width - first) - (long) rows * (rows - 1) / 2;
    }

    private void requireAll() {
        if (!early.isEmpty()) {
            throw new IllegalStateException("batch " + next + " is missing");
        }
    }

    /// The mean over `windows`, of which all batches are there; takes over this sum's memory.
    public Gram mean(int windows) {
        requireAll();
        scratch.close();
        if (onDevice.isPresent()) {
            return Gram.onDevice(onDevice.get(), 1.0 / windows, type, memory);
        }
        total.mirrorUpper(1.0 / windows);
        return new Gram(total, type, memory);
    }

    @Override
    public void close() {
        if (memory.scope().isAlive()) {
            onDevice.ifPresent(Tensor::releaseReference);
        }
        for (Arena each : List.of(scratch, memory)) {
            if (each.scope().isAlive()) {
                each.close();
            }
        }
    }
}
