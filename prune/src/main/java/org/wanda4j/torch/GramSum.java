package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/// Adds up `X^T X` of batches that come in any order, from any thread; always in the order of their index, so that the
/// sum does not depend on threads.
public final class GramSum implements AutoCloseable {

    private final Arena memory = Arena.ofShared();
    private final Arena scratch = Arena.ofShared();
    private final Matrix total;
    private final ComputeType type;
    private final Map<Integer, Matrix> early = new HashMap<>();
    private final Deque<Matrix> free = new ArrayDeque<>();
    private int next;

    /// A sum of nothing.
    ///
    /// @param type of the inputs, in which their products are computed
    public GramSum(int width, ComputeType type) {
        this.type = type;
        this.total = Matrix.zeros(width, width, memory);
    }

    /// Adds the product of batch `index`, counted from 0 without gaps.
    ///
    /// @param input tokens x width
    void add(int index, Tensor input) {
        Matrix square = square();
        switch (type) {
            case FP32 -> square.square(input.contiguous());
            case BF16 -> square.squareByPanels(input);
        }
        synchronized (this) {
            early.put(index, square);
            for (Matrix product = early.remove(next);
                    product != null;
                    product = early.remove(next)) {
                total.add(product);
                free.push(product);
                next++;
            }
        }
    }

    private synchronized Matrix square() {
        return free.isEmpty() ? Matrix.zeros(total.rows(), total.rows(), scratch) : free.pop();
    }

    /// The mean over `windows`; takes over this sum's memory.
    public Gram mean(int windows) {
        scratch.close();
        total.mirrorUpper(1.0 / windows);
        return new Gram(total, type, memory);
    }

    @Override
    public void close() {
        for (Arena each : List.of(scratch, memory)) {
            if (each.scope().isAlive()) {
                each.close();
            }
        }
    }
}
