package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.bytedeco.pytorch.Tensor;

/// Adds up `X^T X` of batches that come in any order, from any thread; always in the order of their index, so that the
/// sum does not depend on threads.
///
/// A product that comes before its turn is kept until then. There are never more of them, those being computed included,
/// than threads, where batches are taken in ascending order: who would need another one waits. In another order, who finds
/// all others waiting goes on with one more.
public final class GramSum implements AutoCloseable {

    private final Arena memory = Arena.ofShared();
    private final Arena scratch = Arena.ofShared();
    private final Matrix total;
    private final ComputeType type;
    private final int threads;
    private final Map<Integer, Matrix> early = new HashMap<>();
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
        this.type = type;
        this.threads = threads;
        this.total = Matrix.zeros(width, width, memory);
    }

    /// Adds the product of batch `index`, counted from 0 without gaps.
    ///
    /// @param input tokens x width
    /// @throws CancellationException when a batch that this one waited for will not come
    void add(int index, Tensor input) {
        Matrix square = take(index);
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
                taken.remove(next++);
                notifyAll();
            }
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
        return Matrix.zeros(total.rows(), total.rows(), scratch);
    }

    private boolean hasRoom() {
        return taken.size() < (taken.contains(next) ? threads : threads - 1);
    }

    /// Whether all threads wait and none of them has the batch whose turn it is.
    private boolean isStuck() {
        return waiting.size() >= threads && !waiting.contains(next);
    }

    /// Has those give up that wait for their turn: a batch will not come.
    public synchronized void abandon() {
        abandoned = true;
        notifyAll();
    }

    /// Matrices besides the sum itself that it has taken so far.
    synchronized int made() {
        return made;
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
