package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.lower;
import static org.wanda4j.runtime.internal.x86.Assembler.ymm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSP;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.AHEAD;
import static org.wanda4j.runtime.internal.x86.RowFrame.BITMASK;
import static org.wanda4j.runtime.internal.x86.RowFrame.FREE;
import static org.wanda4j.runtime.internal.x86.RowFrame.KEPT;
import static org.wanda4j.runtime.internal.x86.RowFrame.LINE;
import static org.wanda4j.runtime.internal.x86.RowFrame.VALUES;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import java.util.Arrays;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Constant;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Xmm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;

/// Has the values of rows A and B in vectors of AVX2, within a [RowFrame].
///
/// Values of 8 columns are put where a byte of the bitmask says by one shuffle, whose order a table has for each such byte. It makes
/// fp32 of bf16 at once, and of a byte `q` the 16-bit number `256 q`. Halves of bytes are first made bytes, in the upper half of one
/// each, in [#ROOM] below the stack.
final class Avx2Values {

    /// Columns whose values are put into their places together.
    static final int EIGHT = 8;

    private static final int BYTES = 32;
    private static final int BYTE_VALUES = 1 << Byte.SIZE;

    /// What a function may use below the stack by the calling convention of System V.
    private static final int ROOM = 128;

    private static final byte ZERO = (byte) 0x80;

    private static final Ymm UPPER_NIBBLES = ymm(15);
    private static final General TABLE = FREE[1];
    private static final General BYTE_POINTER = KEPT[1];

    private final Assembler a;
    private final ValueType type;
    private final boolean sparse;

    /// Bytes of an entry of the table.
    private final int entry;

    Avx2Values(Assembler a, ValueType type, boolean sparse) {
        this.a = a;
        this.type = type;
        this.sparse = sparse;
        this.entry = type == ValueType.BF16 ? BYTES : BYTES / 2;
    }

    /// What a value of [#eight] is to be multiplied with, beside its scale.
    static float unit(ValueType type, boolean sparse) {
        return switch (type) {
            case INT8 -> sparse ? 0x1p-8f : 1;
            case INT4 -> sparse ? 0x1p-12f : 0x1p-4f;
            default -> 1;
        };
    }

    /// Sets the registers that hold for the whole function.
    void start() {
        if (sparse) {
            Constant table = a.constant(table(entry, type == ValueType.BF16 ? 4 : 2));
            a.lea(TABLE, table);
        }
        if (type == ValueType.INT4) {
            broadcast(a, UPPER_NIBBLES, 0xf0f0f0f0);
        }
    }

    /// Orders that put values of 8 columns into numbers, for each byte of a bitmask. A value fills the upper bytes of its number.
    ///
    /// @param bytes of an order
    /// @param size of a number, twice that of a value
    private static byte[] table(int bytes, int size) {
        byte[] table = new byte[BYTE_VALUES * bytes];
        Arrays.fill(table, ZERO);
        for (int places = 0; places < BYTE_VALUES; places++) {
            int value = 0;
            for (int j = 0; j < EIGHT; j++) {
                if ((places >> j & 1) != 0) {
                    for (int k = 0; k < size / 2; k++) {
                        table[places * bytes + j * size + size / 2 + k] = (byte) value++;
                    }
                }
            }
        }
        return table;
    }

    /// Asks for values to come, and makes bytes of the halves of this word.
    ///
    /// @param i 0 for A, 1 for B
    /// @param room two vectors
    void startWord(int i, Ymm... room) {
        a.prefetcht0(at(VALUES[i], AHEAD));
        if (type == ValueType.BF16) {
            a.prefetcht0(at(VALUES[i], AHEAD + LINE));
        }
        if (type == ValueType.INT4) {
            for (int half = 0; half < 2; half++) {
                a.vpmovzxbw(room[0], at(VALUES[i], half * BYTES / 2));
                a.vpsllw(room[1], room[0], 12);
                a.vpord(room[0], room[0], room[1]);
                a.vpandd(room[0], room[0], UPPER_NIBBLES);
                a.vmovups(at(RSP, half * BYTES - ROOM), room[0]);
            }
            a.lea(BYTE_POINTER, at(RSP, -ROOM));
        }
    }

    /// Has the next 8 values of row A or B in `to`, in fp32, without their scale and [#unit].
    ///
    /// @param i 0 for A, 1 for B
    /// @param k which of a word
    void eight(int i, int k, Ymm to) {
        if (type == ValueType.BF16) {
            if (sparse) {
                index(i, k);
                a.vbroadcasti128(to, at(pointer(i), 0));
                a.vpshufb(to, to, at(TABLE, index(i), 1, 0));
                advance(i);
            } else {
                a.vpmovzxwd(to, at(pointer(i), k * EIGHT * Short.BYTES));
                a.vpslld(to, to, Short.SIZE);
            }
        } else {
            if (sparse) {
                shorts(i, k, lower(to));
                a.vpmovsxwd(to, lower(to));
            } else {
                a.vpmovsxbd(to, at(pointer(i), k * EIGHT));
            }
            a.vcvtdq2ps(to, to);
        }
    }

    /// Has the next 8 bytes `q` of a sparse row A or B in `to`, as `256 q`.
    ///
    /// @param i 0 for A, 1 for B
    /// @param k which of a word
    void shorts(int i, int k, Xmm to) {
        index(i, k);
        a.vmovq(to, at(pointer(i), 0));
        a.vpshufb(to, to, at(TABLE, index(i), 1, 0));
        advance(i);
    }

    /// Goes on to the values of the next word.
    void nextWord(int i) {
        if (type == ValueType.INT4 && sparse) {
            General kept = index(i);
            a.popcnt(kept, at(BITMASK[i], 0));
            a.add(kept, 1);
            a.shr(kept, 1);
            a.add(VALUES[i], kept);
        } else if (!sparse) {
            a.add(VALUES[i], Long.SIZE * type.bits() / Byte.SIZE);
        }
    }

    /// Has the offset of an entry of the table.
    private void index(int i, int k) {
        a.movzxb(index(i), at(BITMASK[i], k));
        a.shl(index(i), Integer.numberOfTrailingZeros(entry));
    }

    /// Goes on behind the values that the entry has placed.
    private void advance(int i) {
        int bytes = type == ValueType.BF16 ? Short.BYTES : 1;
        a.popcntd(index(i), index(i));
        a.lea(pointer(i), at(pointer(i), index(i), bytes, 0));
    }

    private General index(int i) {
        return type == ValueType.INT4 ? KEPT[0] : KEPT[i];
    }

    private General pointer(int i) {
        return type == ValueType.INT4 ? BYTE_POINTER : VALUES[i];
    }
}
