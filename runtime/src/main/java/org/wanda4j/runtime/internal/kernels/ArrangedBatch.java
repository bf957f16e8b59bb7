package org.wanda4j.runtime.internal.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.wanda4j.runtime.internal.kernels.RowKernels.Order;

/// Activations of several tokens in an [Order], as [RowKernels#block] takes them.
public final class ArrangedBatch {

    private static final int CACHE_LINE = 64; // bytes

    private final Order order;
    private final Arena memory;
    private int width;
    private float[] values = {};
    private MemorySegment offHeap = MemorySegment.NULL;

    /// @param memory of what lies off the heap; stays open as long as this is used
    public ArrangedBatch(Order order, Arena memory) {
        this.order = order;
        this.memory = memory;
    }

    /// Makes room for activations; what it held is lost.
    ///
    /// @param width values of an activation, a multiple of [RowKernels#PADDING]
    public void reserve(int tokens, int width) {
        this.width = width;
        if (order.isOffHeap()) {
            long bytes =
                    (long) Math.ceilDiv(tokens, RowKernels.PANEL)
                            * RowKernels.PANEL
                            * width
                            * Float.BYTES;
            if (offHeap.byteSize() < bytes) {
                offHeap = memory.allocate(bytes, CACHE_LINE);
            }
        } else if (values.length < tokens * width) {
            values = new float[tokens * width];
        }
    }

    /// How the activations lie.
    public Order order() {
        return order;
    }

    /// Values from an activation to the next, zeros behind it included.
    public int width() {
        return width;
    }

    /// The activations, one every [#width] values, where their order is on the heap.
    public float[] values() {
        return values;
    }

    /// Room for the activations, a multiple of [RowKernels#PANEL] in fp32, where their order is off the heap.
    public MemorySegment offHeap() {
        return offHeap;
    }
}
