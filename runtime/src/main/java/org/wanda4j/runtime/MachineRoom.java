package org.wanda4j.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.wanda4j.runtime.x86.AttentionCode;
import org.wanda4j.runtime.x86.BlockCode;
import org.wanda4j.runtime.x86.RowCode;
import org.wanda4j.runtime.x86.RowCode.Parameter;

/// Memory off the heap between a thread and the machine code that it calls.
final class MachineRoom {

    /// Activations that are laid together at once: for so many of them, weights are read once.
    static final int ACTIVATIONS = 4 * BlockCode.MOST_VECTORS;

    private static final int LINE = 64;
    private static final int WIDEST_HEAD = 512;

    /// An activation in fp32, or as many of its values as a head has.
    final MemorySegment plain;

    /// The same as [RowCode] wants it.
    final MemorySegment prepared;

    /// Some activations as [BlockCode] wants them.
    final MemorySegment together;

    /// Products with rows A, one activation after the other, then those with rows B.
    final MemorySegment products;

    private final MemorySegment parameters;
    private final Arena memory;
    private MemorySegment runs;

    /// @param widest columns of the widest matrix
    /// @param memory stays open as long as this
    MachineRoom(int widest, Arena memory) {
        this.memory = memory;
        runs = memory.allocate(AttentionCode.runsBytes(1), LINE);
        int words = Math.max(Scratch.words(widest), WIDEST_HEAD / Long.SIZE);
        plain = memory.allocate((long) words * Long.SIZE * Float.BYTES, LINE);
        prepared = memory.allocate(RowCode.vectorBytes(words), LINE);
        together = memory.allocate(4 * new BlockCode(BlockCode.MOST_VECTORS).bytes(words), LINE);
        products = memory.allocate(2L * productsOfB(), LINE);
        parameters = memory.allocate(Parameter.values().length * (long) Long.BYTES, LINE);
        set(Parameter.ROOM, memory.allocate(RowCode.ROOM, LINE).address());
        set(Parameter.PRODUCTS_A, products.address());
        set(Parameter.PRODUCTS_B, products.address() + productsOfB());
    }

    /// Where products with rows B begin.
    static long productsOfB() {
        return (long) BlockCode.MOST_VECTORS * BlockCode.PITCH;
    }

    /// Address of the parameters that [#set] has set.
    long parameters() {
        return parameters.address();
    }

    void set(Parameter parameter, long value) {
        parameters.set(JAVA_LONG, parameter.offset(), value);
    }

    /// Tells which rows are multiplied next, all but where their values are.
    ///
    /// @param a first of the rows A
    /// @param b first of the rows B
    /// @param rows how many of either
    /// @throws IndexOutOfBoundsException where there are no such rows: nothing else keeps machine code within a matrix
    void setRows(MappedMatrix matrix, int a, int b, int rows) {
        Objects.checkFromIndexSize(a, rows, matrix.rows());
        Objects.checkFromIndexSize(b, rows, matrix.rows());
        set(Parameter.BITMASK_A, matrix.rowBitmask(a));
        set(Parameter.BITMASK_B, matrix.rowBitmask(b));
        set(Parameter.SCALES_A, matrix.rowScales(a));
        set(Parameter.SCALES_B, matrix.rowScales(b));
        set(Parameter.ROWS, rows);
    }

    /// Tells where the values of the rows are.
    void setValues(MappedMatrix matrix, int a, int b) {
        set(Parameter.VALUES_A, matrix.rowValues(a));
        set(Parameter.VALUES_B, matrix.rowValues(b));
    }

    /// Where the keys and values of a head are, as [AttentionCode] wants it.
    MemorySegment runs(CachedHead head) {
        long bytes = AttentionCode.runsBytes(head.runs());
        if (runs.byteSize() < bytes) {
            runs = memory.allocate(2 * bytes, LINE);
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

    /// Copies products with an activation to `y`, where those with row 0 would be at `first`.
    void copyProducts(int activation, int a, int b, int rows, float[] y, int first) {
        long from = (long) activation * BlockCode.PITCH;
        MemorySegment.copy(products, JAVA_FLOAT, from, y, first + a, rows);
        MemorySegment.copy(products, JAVA_FLOAT, from + productsOfB(), y, first + b, rows);
    }
}
