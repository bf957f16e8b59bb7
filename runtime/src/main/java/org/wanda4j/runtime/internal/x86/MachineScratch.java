package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.wanda4j.runtime.internal.kernels.CachedHead;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.Scratch;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// Scratch with memory off the heap for the machine code that a thread calls.
final class MachineScratch extends Scratch {

    private static final int CACHE_LINE = 64; // bytes
    private static final int WIDEST_HEAD = 512;

    /// An activation in fp32, or a head of one.
    final MemorySegment plain;

    /// The same in the layout of [RowCode] or [Avx2RowCode].
    final MemorySegment prepared;

    /// Rows in the layout of [PanelLayout].
    final MemorySegment block;

    /// Products with rows A, one activation after the other, then those with rows B.
    final MemorySegment products;

    private final MemorySegment parameters;
    private final Arena memory;
    private MemorySegment runs;

    /// @param widest columns of the widest matrix
    /// @param blockBytes of [#block]
    /// @param memory stays open as long as this
    MachineScratch(int widest, long blockBytes, Arena memory) {
        super(widest);
        this.memory = memory;
        runs = memory.allocate(AttentionCode.runsBytes(1), CACHE_LINE);
        int words = Math.max(words(widest), WIDEST_HEAD / Long.SIZE);
        plain = memory.allocate((long) words * Long.SIZE * Float.BYTES, CACHE_LINE);
        prepared = memory.allocate(RowCode.vectorBytes(words), CACHE_LINE);
        block = memory.allocate(blockBytes, CACHE_LINE);
        products = memory.allocate(2L * productsOfB(), CACHE_LINE);
        parameters = memory.allocate(Parameter.values().length * (long) Long.BYTES, CACHE_LINE);
        set(Parameter.WORKSPACE, memory.allocate(RowFrame.WORKSPACE_BYTES, CACHE_LINE).address());
        set(Parameter.PRODUCTS_A, products.address());
        set(Parameter.PRODUCTS_B, products.address() + productsOfB());
    }

    /// Offset of the products with rows B, in bytes.
    static long productsOfB() {
        return (long) BlockCode.MOST_VECTORS * BlockCode.PITCH;
    }

    /// Address of the parameters, as [#set] has set them.
    long parameters() {
        return parameters.address();
    }

    void set(Parameter parameter, long value) {
        parameters.set(JAVA_LONG, parameter.offset(), value);
    }

    /// Sets which rows are multiplied next, but for the addresses of their values.
    ///
    /// @param a first of the rows A
    /// @param b first of the rows B
    /// @param rows number of rows A, and of rows B
    /// @throws IndexOutOfBoundsException where the matrix has no such rows; machine code does not check
    void setRows(MappedMatrix matrix, int a, int b, int rows) {
        Objects.checkFromIndexSize(a, rows, matrix.rows());
        Objects.checkFromIndexSize(b, rows, matrix.rows());
        set(Parameter.BITMASK_A, matrix.rowBitmask(a));
        set(Parameter.BITMASK_B, matrix.rowBitmask(b));
        set(Parameter.SCALES_A, matrix.rowScales(a));
        set(Parameter.SCALES_B, matrix.rowScales(b));
        set(Parameter.ROWS, rows);
    }

    /// Sets the addresses of the rows' values.
    void setValues(MappedMatrix matrix, int a, int b) {
        set(Parameter.VALUES_A, matrix.rowValues(a));
        set(Parameter.VALUES_B, matrix.rowValues(b));
    }

    /// The addresses of a head's keys and values, in the layout of [AttentionCode].
    MemorySegment runs(CachedHead head) {
        long bytes = AttentionCode.runsBytes(head.runs());
        if (runs.byteSize() < bytes) {
            runs = memory.allocate(2 * bytes, CACHE_LINE);
        }
        long at = 0;
        for (int run = 0; run < head.runs(); run++) {
            runs.set(JAVA_LONG, at + AttentionCode.KEYS, head.keys(run));
            runs.set(JAVA_LONG, at + AttentionCode.VALUES, head.values(run));
            runs.set(JAVA_LONG, at + AttentionCode.POSITIONS, head.positions(run));
            at += AttentionCode.RUN;
        }
        runs.set(JAVA_LONG, at + AttentionCode.KEYS, 0);
        runs.set(JAVA_LONG, at + AttentionCode.VALUES, 0);
        return runs;
    }

    /// Copies the products of an activation to `y`; the product with row `i` goes to index `first + i`.
    void copyProducts(int activation, int a, int b, int rows, float[] y, int first) {
        long from = (long) activation * BlockCode.PITCH;
        MemorySegment.copy(products, JAVA_FLOAT, from, y, first + a, rows);
        MemorySegment.copy(products, JAVA_FLOAT, from + productsOfB(), y, first + b, rows);
    }
}
