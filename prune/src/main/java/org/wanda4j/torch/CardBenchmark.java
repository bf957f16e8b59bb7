package org.wanda4j.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// How fast a device is at what pruning consists of: the fastest of some rounds.
public final class CardBenchmark implements AutoCloseable {

    private static final int ROUNDS = 5;

    /// Rows and columns of a product on a card; less of them elsewhere.
    private static final int SIZE = 8192;

    private static final int SIZE_EMULATED = 512;

    private final Device device;
    private final int size;

    /// @param device that is measured
    public CardBenchmark(Device device) {
        this.device = device;
        this.size = device.isCard() ? SIZE : SIZE_EMULATED;
    }

    /// Operations a second of a product in a type that is computed in.
    public double products(ComputeType type) {
        return products(type.scalar(), size);
    }

    /// Operations a second of a product in fp64.
    public double products64() {
        return products(ScalarType.Double, size / 2);
    }

    private double products(ScalarType type, long side) {
        try (var _ = new PointerScope()) {
            Tensor matrix = torch.ones(new long[] {side, side}, device.options(type));
            return 2.0 * side * side * side / seconds(() -> Tensors.product(matrix, matrix));
        }
    }

    /// Bytes a second that are read and written when a tensor is copied.
    public double bandwidth() {
        try (var _ = new PointerScope()) {
            Tensor from = torch.ones(new long[] {size, size}, device.options(ScalarType.Float));
            Tensor to = torch.empty_like(from);
            return 2.0 * Float.BYTES * size * size / seconds(() -> to.copy_(from));
        }
    }

    /// Bytes a second from the host, pinned where it is a card.
    public double link() {
        try (var _ = new PointerScope()) {
            Tensor host =
                    torch.empty(
                            new long[] {size, size},
                            new TensorOptions(ScalarType.Float),
                            new MemoryFormatOptional());
            Tensor from = device.isCard() ? host.pin_memory() : host;
            Tensor to =
                    torch.empty(
                            new long[] {size, size},
                            device.options(ScalarType.Float),
                            new MemoryFormatOptional());
            return (double) Float.BYTES * size * size / seconds(() -> to.copy_(from));
        }
    }

    private double seconds(Runnable work) {
        double fastest = Double.MAX_VALUE;
        for (int round = 0; round <= ROUNDS; round++) {
            device.synchronise();
            long start = System.nanoTime();
            try (var _ = new PointerScope()) {
                work.run();
            }
            device.synchronise();
            fastest = Math.min(fastest, (System.nanoTime() - start) / 1e9);
        }
        return fastest;
    }

    @Override
    public void close() {
        NativeHeap.trim();
    }
}
