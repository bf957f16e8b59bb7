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
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.VALUES;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import java.util.Arrays;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Xmm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;

/// Has the values of rows A and B in vectors of AVX2, within a [RowFrame].
///
/// Values of 8 columns are put where a byte of the bitmask says by one shuffle, whose order a table has for each such byte; it makes
/// fp32 of bf16 at once. Halves of bytes are first made bytes, in the upper half of one each, in [#ROOM] below the stack.
final class Avx2Values {

    /// Columns whose values are put into their places together.
    static final int EIGHT = 8;

    private static final int BYTES = 32;
    private static final int BYTE_VALUES = 1 << Byte.SIZE;

    /// What a function may use below the stack by the calling convention of System V.
    private static final int ROOM = 128;

    private static final byte ZERO = (byte) 0x80;

    /// What may be read behind the last order.
    private static final int SLACK = 8;

    /// Which half of a byte is a value.
    private static final Ymm NIBBLES = ymm(15);

    /// What makes values with a sign larger by [#bias].
    private static final Ymm SIGNS = ymm(14);

    /// In [Assembler#vperm2i128], the upper halves.
    private static final int UPPER = 0x31;

    private static final General TABLE = FREE[1];

    /// How many values of bf16, which have no scales, have been read: to add to them takes a cycle, to an address two.
    private static final General[] COUNT = SCALES;

    private static final General BYTE_POINTER = KEPT[1];

    private final Assembler a;
    private final ValueType type;
    private final int numberBytes;
    private final boolean sparse;

    /// What [#sixtyFour] adds to each value.
    private final int bias;

    Avx2Values(Assembler a, ValueType type, boolean sparse) {
        this(a, type, Float.BYTES, 0, sparse);
    }

    /// @param numberBytes of what values become: four, two, or one
    /// @param bias of what becomes one byte: 128, or 8 to have halves of bytes as numbers below 16
    Avx2Values(Assembler a, ValueType type, int numberBytes, int bias, boolean sparse) {
        this.a = a;
        this.type = type;
        this.numberBytes = numberBytes;
        this.bias = bias;
        this.sparse = sparse;
    }

    /// What a value is to be multiplied with, beside its scale.
    float unit() {
        return isSmall() ? 1 : unit(type);
    }

    /// What a value of [#eight] and [#bytes] is to be multiplied with, beside its scale.
    static float unit(ValueType type) {
        return type.isHalves() ? 0x1p-4f : 1;
    }

    /// Sets the registers that hold for the whole function.
    void start() {
        if (sparse) {
            a.lea(TABLE, a.constant(isWide() ? table(Short.BYTES, numberBytes) : table(1, 1)));
        }
        if (sparse && isWide()) {
            a.mov(COUNT[0], 0);
            a.mov(COUNT[1], 0);
        }
        if (type.isHalves()) {
            broadcast(a, NIBBLES, isSmall() ? 0x0f0f0f0f : 0xf0f0f0f0);
        }
        if (numberBytes == 1) {
            broadcast(a, SIGNS, bias * 0x01010101);
        }
    }

    /// Leaves the address of what follows the last value in [RowFrame#VALUES].
    void end() {
        if (sparse && isWide()) {
            both(i -> a.lea(VALUES[i], at(VALUES[i], COUNT[i], Short.BYTES, 0)));
        }
    }

    /// Orders that put values of 8 columns into numbers, for each byte of a bitmask. A value fills the upper bytes of its number.
    ///
    /// @param value bytes of a value
    /// @param number bytes of a number
    static byte[] table(int value, int number) {
        int entry = EIGHT * number;
        byte[] table = new byte[BYTE_VALUES * entry + SLACK];
        Arrays.fill(table, ZERO);
        for (int places = 0; places < BYTE_VALUES; places++) {
            int next = 0;
            for (int j = 0; j < EIGHT; j++) {
                if ((places >> j & 1) != 0) {
                    for (int k = number - value; k < number; k++) {
                        table[places * entry + j * number + k] = (byte) next++;
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
        a.prefetcht0(next(i, AHEAD));
        if (isWide()) {
            a.prefetcht0(next(i, AHEAD + LINE));
        }
        if (hasRoom()) {
            for (int half = 0; half < 2; half++) {
                a.vpmovzxbw(room[0], at(VALUES[i], half * BYTES / 2));
                a.vpsllw(room[1], room[0], isSmall() ? 8 : 12);
                if (isSmall()) {
                    a.vpsrlw(room[0], room[0], 4);
                }
                a.vpord(room[0], room[0], room[1]);
                a.vpandd(room[0], room[0], NIBBLES);
                a.vmovups(at(RSP, half * BYTES - ROOM), room[0]);
            }
            a.lea(BYTE_POINTER, at(RSP, -ROOM));
        }
    }

    /// Whether halves of bytes are in [#ROOM].
    private boolean hasRoom() {
        return type.isHalves() && (sparse || numberBytes > 1);
    }

    /// Whether halves of bytes are numbers below 16.
    private boolean isSmall() {
        return type.isHalves() && bias == 8;
    }

    /// Has the next 64 values of row A or B, bytes without a sign, in two vectors: whole numbers plus the bias, without their scale and [#unit()].
    ///
    /// @param i 0 for A, 1 for B
    void sixtyFour(int i, Ymm first, Ymm second, Ymm room, Ymm other) {
        if (sparse) {
            sixteenBytes(i, 0, first, room);
            sixteenBytes(i, 2, other, room);
            a.vinserti128(first, first, lower(other));
            sixteenBytes(i, 4, second, room);
            sixteenBytes(i, 6, other, room);
            a.vinserti128(second, second, lower(other));
        } else if (type.isHalves()) {
            a.vmovups(room, at(VALUES[i], 0));
            if (isSmall()) {
                a.vpsrlw(first, room, 4);
                a.vpandd(first, first, NIBBLES);
                a.vpandd(second, room, NIBBLES);
            } else {
                a.vpandd(first, room, NIBBLES);
                a.vpsllw(second, room, 4);
                a.vpandd(second, second, NIBBLES);
            }
            a.vpunpcklbw(room, first, second);
            a.vpunpckhbw(second, first, second);
            a.vinserti128(first, room, lower(second));
            a.vperm2i128(second, room, second, UPPER);
        } else {
            a.vmovups(first, at(VALUES[i], 0));
            a.vmovups(second, at(VALUES[i], BYTES));
        }
        a.vpxord(first, first, SIGNS);
        a.vpxord(second, second, SIGNS);
    }

    /// Has the next 16 bytes of a sparse row in the lower half of `to`.
    ///
    /// @param k which eight of a word are the first of them
    private void sixteenBytes(int i, int k, Ymm to, Ymm room) {
        bytes(i, k, lower(to));
        bytes(i, k + 1, lower(room));
        a.vpunpcklqdq(lower(to), lower(to), lower(room));
    }

    /// Has the next 8 values of row A or B in `to`, in fp32, without their scale and [#unit].
    ///
    /// @param i 0 for A, 1 for B
    /// @param k which of a word
    void eight(int i, int k, Ymm to) {
        if (isWide()) {
            if (sparse) {
                General index = order(i, k);
                a.vbroadcasti128(to, next(i, 0));
                place(i, to, index);
            } else {
                a.vpmovzxwd(to, next(i, k * EIGHT * Short.BYTES));
                a.vpslld(to, to, Short.SIZE);
            }
        } else {
            if (sparse) {
                bytes(i, k, lower(to));
                a.vpmovsxbd(to, lower(to));
            } else {
                a.vpmovsxbd(to, next(i, k * EIGHT));
            }
            a.vcvtdq2ps(to, to);
        }
    }

    /// Has in `index` which 8 places values of bf16 have, as a distance in the table.
    private General order(int i, int k) {
        General index = index(i);
        a.movzxb(index, at(BITMASK[i], k));
        a.shl(index, Integer.numberOfTrailingZeros(EIGHT * numberBytes));
        return index;
    }

    /// Puts values of bf16 into their places, and counts them.
    private void place(int i, Vector values, General index) {
        a.vpshufb(values, values, at(TABLE, index, 1, 0));
        a.popcntd(index, index);
        a.add(COUNT[i], index);
    }

    /// Has the next 16 values of row A or B in `to`, 16 bits each: whole numbers, without their scale and [#unit()], or bf16.
    ///
    /// @param i 0 for A, 1 for B
    /// @param k which of a word
    void sixteen(int i, int k, Ymm to, Ymm room) {
        if (isWide()) {
            if (sparse) {
                eightShorts(i, 2 * k, lower(to));
                eightShorts(i, 2 * k + 1, lower(room));
                a.vinserti128(to, to, lower(room));
            } else {
                a.vmovups(to, next(i, k * BYTES));
            }
        } else if (sparse) {
            sixteenBytes(i, 2 * k, to, room);
            a.vpmovsxbw(to, lower(to));
        } else {
            a.vpmovsxbw(to, next(i, k * BYTES / 2));
        }
    }

    /// Has the next 8 values of a sparse row in bf16 in `to`.
    private void eightShorts(int i, int k, Xmm to) {
        General index = order(i, k);
        a.vmovups(to, next(i, 0));
        place(i, to, index);
    }

    /// Has the next 8 bytes of a sparse row A or B in the lower half of `to`.
    ///
    /// @param i 0 for A, 1 for B
    /// @param k which of a word
    void bytes(int i, int k, Xmm to) {
        General index = index(i);
        a.movzxb(index, at(BITMASK[i], k));
        a.vmovq(to, next(i, 0));
        a.vpshufb(to, to, at(TABLE, index, EIGHT, 0));
        a.popcntd(index, index);
        a.add(type.isHalves() ? BYTE_POINTER : VALUES[i], index);
    }

    /// Goes on to the values of the next word.
    void nextWord(int i) {
        if (type.isHalves() && sparse) {
            General kept = index(i);
            a.popcnt(kept, at(BITMASK[i], 0));
            a.add(kept, 1);
            a.shr(kept, 1);
            a.add(VALUES[i], kept);
        } else if (!sparse) {
            a.add(VALUES[i], Long.SIZE * type.bits() / Byte.SIZE);
        }
    }

    /// What lies `distance` bytes behind the next value.
    private MemoryOperand next(int i, int distance) {
        return isWide() && sparse
                ? at(VALUES[i], COUNT[i], Short.BYTES, distance)
                : at(type.isHalves() && distance < AHEAD ? BYTE_POINTER : VALUES[i], distance);
    }

    /// Whether a value is more than a byte.
    private boolean isWide() {
        return type == ValueType.BF16;
    }

    private General index(int i) {
        return type.isHalves() ? KEPT[0] : KEPT[i];
    }
}
