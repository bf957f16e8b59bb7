package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Adds up `X^T X` of batches that come in any order, from any thread; always in the order of their index, so that the
/// sum does not depend on threads.
public final class GramSum implements AutoCloseable {

    private final Arena memory = Arena.ofShared();
    private final Matrix total;
    private final Map<Integer, Product> early = new HashMap<>();
    private int next;

    private record Product(Matrix matrix, Arena memory) {}

    /// A sum of nothing.
    public GramSum(int width) {
        this.total = Matrix.zeros(width, width, memory);
    }

    /// Adds the product of batch `index`, counted from 0 without gaps.
    ///
    /// @param input tokens x width
    @SuppressWarnings("MustBeClosed") // Closed with the product, once its turn has come.
    void add(int index, Tensor input) {
        Arena own = Arena.ofShared();
        Matrix square = Matrix.zeros(total.rows(), total.rows(), own);
        square.addSquare(input.to(ScalarType.Float).contiguous());
        synchronized (this) {
            early.put(index, new Product(square, own));
            for (Product product = early.remove(next);
                    product != null;
                    product = early.remove(next)) {
                total.add(product.matrix());
                product.memory().close();
                next++;
            }
        }
    }

    /// The mean over `windows`; takes over this sum's memory.
    public Gram mean(int windows) {
        total.mirrorUpper(1.0 / windows);
        return new Gram(total, memory);
    }

    @Override
    public void close() {
        early.values().forEach(product -> product.memory().close());
        early.clear();
        if (memory.scope().isAlive()) {
            memory.close();
        }
    }
}
