package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R10;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R11;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R12;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R13;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R14;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R15;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R8;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R9;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RAX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RBP;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RBX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Operand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Xmm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;

/// The common part of functions on rows of a matrix, for any vector width: parameters, loops over words and rows, and reduction of
/// sums.
///
/// They compute two rows at a time, A from one part of the matrix and B from another, with one load of the vector for both, and 64
/// columns at a time: a *word*, as a word of the bitmask covers so many. The number of columns is a multiple of 64. A function takes
/// the address of its [Parameter]s, 64 bits each.
final class RowFrame {

    /// Which values of a matrix are stored.
    enum Density {
        /// All of them.
        DENSE,
        /// Those in the bitmask.
        SPARSE,
        /// Those in the bitmask, which are seldom more than half of a word.
        THIN
    }

    /// Parameters of a function, in this order.
    enum Parameter {
        /// Addresses of the values of the first row A and the first row B; after the call, of those behind the last.
        VALUES_A,
        VALUES_B,
        /// Addresses of their bitmasks.
        BITMASK_A,
        BITMASK_B,
        /// Addresses of their scales.
        SCALES_A,
        SCALES_B,
        /// Address of the vector, in the function's layout, aligned to a cache line.
        VECTOR,
        /// Address of [#WORKSPACE_BYTES] bytes, aligned to a cache line.
        WORKSPACE,
        /// Addresses of the products with rows A and with rows B, in fp32; up to three more are written behind them.
        PRODUCTS_A,
        PRODUCTS_B,
        /// Number of rows A, and of rows B: 1 to [#MOST_ROWS].
        ROWS,
        /// Words of a row.
        WORDS,
        /// Where a function that writes rows writes rows B; rows A are written to [#VECTOR].
        UNPACKED_B;

        /// Its offset in bytes.
        @SuppressWarnings("EnumOrdinal")
        int offset() {
            return ordinal() * Long.BYTES;
        }
    }

    /// The most rows A that a function takes.
    static final int MOST_ROWS = 128;

    static final int LINE = 64;

    /// A vector of sums for each row; they are read by four.
    private static final int SUMS_BYTES = (MOST_ROWS + 4) * LINE;

    /// Size of a function's workspace.
    static final int WORKSPACE_BYTES = 2 * SUMS_BYTES;

    /// Prefetch distance in bytes. The hardware prefetcher stops at the end of a 4 KiB page.
    static final int AHEAD = 3072;

    private static final int BITMASK_AHEAD = 512;

    static final int SWAP_HALVES = 0x4e;
    static final int SWAP_NEIGHBOURS = 0xb1;

    private static final List<General> SAVED = List.of(RBX, RBP, R12, R13, R14, R15);

    static final General PARAMETERS = RDI;
    static final General[] VALUES = {RSI, RDX};
    static final General[] BITMASK = {RCX, R8};
    static final General[] SCALES = {R9, R13};
    static final General SUMS = R10;
    static final General X = R11;
    static final General X_END = RBP;
    static final General ROWS = R12;

    /// For a function's own use.
    static final General[] KEPT = {RAX, R14};

    /// For a function's own use.
    static final General[] FREE = {RBX, R15};

    private RowFrame() {}

    /// For row A and row B in turn: each step of the two beside the other.
    static void both(IntConsumer step) {
        step.accept(0);
        step.accept(1);
    }

    /// Has the scale of the first or of the second 32 columns of the next word of row A or B in each element of `to`, in fp32.
    ///
    /// @param i 0 for A, 1 for B
    /// @param half which 32 columns
    /// @param upperShorts has the upper half of each 32 bits set
    static void scale(Assembler a, ValueType type, int i, int half, Vector to, Vector upperShorts) {
        if (type.scales() == DType.F16) {
            a.vpbroadcastw(to, at(SCALES[i], half * Short.BYTES));
            a.vcvtph2ps(to, to);
            return;
        }
        a.vpbroadcastd(to, at(SCALES[i], 0));
        if (half == 0) {
            a.vpslld(to, to, Short.SIZE);
        } else {
            a.vpandd(to, to, upperShorts);
        }
    }

    /// Has both scales of the next word of row A or B in `to`, in fp32: the first in the lower half, the second in the upper.
    ///
    /// @param order has [#scalesOrder]
    static void scales(Assembler a, ValueType type, int i, Vector to, Operand order) {
        a.vpbroadcastd(to, at(SCALES[i], 0));
        a.vpshufb(to, to, order);
        if (type.scales() == DType.F16) {
            a.vcvtph2ps(to, to);
        }
    }

    /// The order of bytes in which [#scales] puts two scales: the first in the lower half of a vector, the second in the upper, both in fp32; fp16 in
    /// the quarters of its lower half.
    ///
    /// @param bytes of a vector
    static byte[] scalesOrder(ValueType type, int bytes) {
        boolean wide = type.scales() == DType.BF16;
        var order = new byte[bytes];
        Arrays.fill(order, (byte) 0x80);
        int step = wide ? Float.BYTES : Short.BYTES;
        int end = wide ? bytes : bytes / 2;
        for (int i = step - Short.BYTES; i < end; i += step) {
            int scale = i < end / 2 ? 0 : Short.BYTES;
            order[i] = (byte) scale;
            order[i + 1] = (byte) (scale + 1);
        }
        return order;
    }

    /// Saves registers, and loads the parameters.
    ///
    /// @param wordBytes from a word of the vector to the next
    static void start(Assembler a, int wordBytes) {
        SAVED.forEach(a::push);
        load(a, X_END, Parameter.WORDS);
        a.mov(RAX, wordBytes);
        a.imul(X_END, RAX);
        load(a, X, Parameter.VECTOR);
        a.add(X_END, X);
        load(a, VALUES[0], Parameter.VALUES_A);
        load(a, VALUES[1], Parameter.VALUES_B);
        load(a, BITMASK[0], Parameter.BITMASK_A);
        load(a, BITMASK[1], Parameter.BITMASK_B);
        load(a, SCALES[0], Parameter.SCALES_A);
        load(a, SCALES[1], Parameter.SCALES_B);
        load(a, ROWS, Parameter.ROWS);
        load(a, SUMS, Parameter.WORKSPACE);
    }

    /// @return where the code of the next rows begins
    static int startRow(Assembler a) {
        int rows = a.here();
        load(a, X, Parameter.VECTOR);
        return rows;
    }

    /// Advances to the next word of the bitmasks.
    static void nextPlaces(Assembler a, Density density) {
        for (General each : BITMASK) {
            if (density != Density.DENSE) {
                a.prefetcht0(at(each, BITMASK_AHEAD));
                a.add(each, Long.BYTES);
            }
        }
    }

    /// Advances to the next word of the vector.
    static void nextWord(Assembler a, int bytes, int words) {
        a.add(X, bytes);
        a.cmp(X, X_END);
        a.jne(words);
    }

    static void clear(Assembler a, Vector... sums) {
        for (Vector each : sums) {
            a.vpxord(each, each, each);
        }
    }

    /// Stores the sums of two rows, which are in `sums`, and loops to the next.
    static void endRow(Assembler a, Vector[] sums, int rows) {
        a.vmovups(at(SUMS, 0), sums[0]);
        a.vmovups(at(SUMS, SUMS_BYTES), sums[1]);
        nextRow(a, LINE, rows);
    }

    /// Loops to the next rows, whose sums are `bytes` behind those of the last.
    static void nextRow(Assembler a, int bytes, int rows) {
        a.add(SUMS, bytes);
        a.add(ROWS, -1);
        a.jne(rows);
    }

    /// Ends a function whose rows [#endRow] has ended.
    ///
    /// @param like a vector of the width of the sums
    static void end(Assembler a, Vector like) {
        a.mov(at(PARAMETERS, Parameter.VALUES_A.offset()), VALUES[0]);
        a.mov(at(PARAMETERS, Parameter.VALUES_B.offset()), VALUES[1]);
        Vector[] sums = new Vector[4];
        for (int i = 0; i < 4; i++) {
            sums[i] = Assembler.like(like, 4 + i);
        }
        end(
                a,
                SUMS_BYTES,
                LINE,
                (from, to) -> {
                    for (int i = 0; i < 4; i++) {
                        a.vmovups(sums[i], at(from, i * LINE));
                    }
                    addUp(a, sums);
                    storeFour(a, at(to, 0), sums[0]);
                });
    }

    /// Reduces the sums of four rows to products, and writes them.
    interface Fours {
        void write(General sums, General products);
    }

    /// Ends a function: reduces the sums of all rows to products.
    ///
    /// @param allBytes from the sums of rows A to those of rows B
    /// @param rowBytes from the sums of a row to the next
    static void end(Assembler a, int allBytes, int rowBytes, Fours fours) {
        General from = RSI;
        General to = RDX;
        General left = RCX;
        for (Parameter products : List.of(Parameter.PRODUCTS_A, Parameter.PRODUCTS_B)) {
            load(a, from, Parameter.WORKSPACE);
            if (products == Parameter.PRODUCTS_B) {
                a.add(from, allBytes);
            }
            load(a, to, products);
            load(a, left, Parameter.ROWS);
            a.add(left, 3);
            a.shr(left, 2);
            int loop = a.here();
            fours.write(from, to);
            a.add(from, 4 * rowBytes);
            a.add(to, 4 * Float.BYTES);
            a.add(left, -1);
            a.jne(loop);
        }
        leaveRows(a);
    }

    /// Ends a function that leaves no products.
    static void leaveRows(Assembler a) {
        SAVED.reversed().forEach(a::pop);
        leave(a);
    }

    /// Combines all elements of `vector` into each of them.
    ///
    /// @param combine combines `vector` with a copy of it
    static void fold(Assembler a, Vector vector, Vector room, Runnable combine) {
        switch (vector) {
            case Zmm wide -> {
                for (int order : new int[] {SWAP_HALVES, SWAP_NEIGHBOURS}) {
                    a.vshuff32x4((Zmm) room, wide, wide, order);
                    combine.run();
                }
            }
            case Ymm wide -> {
                a.vpermq((Ymm) room, wide, SWAP_HALVES);
                combine.run();
            }
            case Xmm _ -> {}
        }
        for (int order : new int[] {SWAP_HALVES, SWAP_NEIGHBOURS}) {
            a.vpermilps(room, vector, order);
            combine.run();
        }
    }

    /// The four sums over the elements of `vectors`, to the lower 128 bits of the first. Register 0 is overwritten.
    static void addUp(Assembler a, Vector[] vectors) {
        Vector first = vectors[0];
        Vector room = Assembler.like(first, 0);
        for (int i = 0; i < 4; i += 2) {
            a.vunpcklps(room, vectors[i], vectors[i + 1]);
            a.vunpckhps(vectors[i], vectors[i], vectors[i + 1]);
            a.vaddps(vectors[i], vectors[i], room);
        }
        a.vunpcklpd(room, first, vectors[2]);
        a.vunpckhpd(first, first, vectors[2]);
        a.vaddps(first, first, room);
        switch (first) {
            case Zmm wide -> {
                a.vshuff32x4((Zmm) room, wide, wide, SWAP_HALVES);
                a.vaddps(first, first, room);
                a.vshuff32x4((Zmm) room, wide, wide, SWAP_NEIGHBOURS);
                a.vaddps(first, first, room);
            }
            case Ymm wide -> {
                a.vextracti128(Assembler.lower((Ymm) room), wide);
                a.vaddps(first, first, room);
            }
            case Xmm _ -> {}
        }
    }

    /// Stores the lower 128 bits.
    static void storeFour(Assembler a, MemoryOperand to, Vector from) {
        switch (from) {
            case Zmm wide -> a.vmovupsQuarter(to, wide);
            case Ymm wide -> a.vmovups(to, Assembler.lower(wide));
            case Xmm four -> a.vmovups(to, four);
        }
    }

    static void load(Assembler a, General to, Parameter parameter) {
        a.mov(to, at(PARAMETERS, parameter.offset()));
    }

    /// Broadcasts 32 bits to each element of `to`.
    static void broadcast(Assembler a, Vector to, int bits) {
        a.mov(RAX, bits);
        broadcast(a, to, RAX);
    }

    /// Broadcasts the lower 32 bits of `from` to each element of `to`.
    static void broadcast(Assembler a, Vector to, General from) {
        switch (to) {
            case Zmm wide -> a.vpbroadcastd(wide, from);
            case Ymm wide -> {
                a.vmovd(Assembler.lower(wide), from);
                a.vpbroadcastd(wide, Assembler.lower(wide));
            }
            case Xmm _ -> throw new IllegalArgumentException("too narrow: " + to);
        }
    }

    static byte[] finish(Assembler a) {
        leave(a);
        return a.code();
    }

    private static void leave(Assembler a) {
        a.vzeroupper();
        a.ret();
    }
}
