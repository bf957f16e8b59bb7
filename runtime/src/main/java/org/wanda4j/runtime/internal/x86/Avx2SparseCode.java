package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.ymm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSP;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.AHEAD;
import static org.wanda4j.runtime.internal.x86.RowFrame.BITMASK;
import static org.wanda4j.runtime.internal.x86.RowFrame.FREE;
import static org.wanda4j.runtime.internal.x86.RowFrame.KEPT;
import static org.wanda4j.runtime.internal.x86.RowFrame.PARAMETERS;
import static org.wanda4j.runtime.internal.x86.RowFrame.ROWS;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.VALUES;
import static org.wanda4j.runtime.internal.x86.RowFrame.X;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;

import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Ymm;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// A function of AVX2 and BMI2 that multiplies sparse rows of bf16 with a vector of fp32, within [RowFrame].
///
/// As [Avx2Values], it puts values of 8 columns into their places by a table of shuffles. What limits it are loads, of which a core
/// does two in a cycle, and fewer where they meet in the cache: so it loads a word of the vector once for both rows, and a word of
/// the bitmask as a whole. `pdep` makes four indices to the table of four bytes of the bitmask, one every 16 bits; the bits that are
/// set in the first of them say where the values of the next begin.
final class Avx2SparseCode {

    private static final int BYTES = 32;
    private static final int PLAIN_WORD = Long.SIZE * Float.BYTES;
    private static final int EIGHTS = Long.SIZE / Avx2Values.EIGHT;
    private static final int FOUR = 4;

    /// Log of the bytes of an entry of the table, which is what an index counts.
    private static final int ENTRY = 5;

    /// Where the bits of four indices are.
    private static final long INDICES = 0x00ff_00ff_00ff_00ffL << ENTRY;

    /// The second and the third index, for [GeneralAssembler#bextr].
    private static final int SECOND_INDEX = Short.SIZE << Byte.SIZE | Short.SIZE;

    private static final int THIRD_INDEX = Short.SIZE << Byte.SIZE | 2 * Short.SIZE;

    private static final General TABLE = FREE[1];

    /// A word of the bitmask, what is left of it.
    private static final General WORD = KEPT[0];

    /// Four indices.
    private static final General FOUR_INDICES = FREE[0];

    private static final General INDEX = KEPT[1];

    /// Values of the four times 8 columns that have been read.
    private static final General COUNT = SCALES[0];

    private static final General SECOND = SCALES[1];

    // Their values are kept below the stack while words are read.
    private static final General THIRD = PARAMETERS;
    private static final General PLACES = ROWS;

    private static final Ymm[][] SUMS = {{ymm(12), ymm(14)}, {ymm(13), ymm(15)}};

    /// To be read from when the next is loaded.
    private static final Ymm[] VALUE = {ymm(8), ymm(9), ymm(10), ymm(11)};

    private final Assembler a = new Assembler();

    private Avx2SparseCode() {}

    static byte[] bf16() {
        return new Avx2SparseCode().code();
    }

    private byte[] code() {
        RowFrame.start(a, PLAIN_WORD);
        a.push(PARAMETERS);
        a.push(ROWS);
        a.lea(TABLE, a.constant(Avx2Values.table(Short.BYTES, Float.BYTES)));
        a.mov(SECOND, SECOND_INDEX);
        int rows = a.here();
        a.mov(at(RSP, 0), ROWS);
        a.mov(PARAMETERS, at(RSP, Long.BYTES));
        RowFrame.load(a, X, Parameter.VECTOR);
        a.mov(THIRD, THIRD_INDEX);
        a.movabs(PLACES, INDICES);
        both(i -> RowFrame.clear(a, SUMS[i]));
        int words = a.alignedHere();
        for (int k = 0; k < EIGHTS; k++) {
            a.vmovups(ymm(k), at(X, k * BYTES));
        }
        both(this::word);
        RowFrame.nextPlaces(a, RowFrame.Density.SPARSE);
        RowFrame.nextWord(a, PLAIN_WORD, words);
        both(i -> a.vaddps(SUMS[i][0], SUMS[i][0], SUMS[i][1]));
        a.mov(ROWS, at(RSP, 0));
        RowFrame.endRow(a, new Ymm[] {SUMS[0][0], SUMS[1][0]}, rows);
        a.pop(ROWS);
        a.pop(PARAMETERS);
        RowFrame.end(a, SUMS[0][0]);
        return a.code();
    }

    /// Adds the products of a word of row A or B, the word of the vector being in registers 0 to 7.
    ///
    /// @param i 0 for A, 1 for B
    private void word(int i) {
        a.prefetcht0(at(VALUES[i], AHEAD));
        a.mov(WORD, at(BITMASK[i], 0));
        for (int first = 0; first < EIGHTS; first += FOUR) {
            if (first > 0) {
                a.shr(WORD, Integer.SIZE);
            }
            a.pdep(FOUR_INDICES, WORD, PLACES);
            a.movzxw(INDEX, FOUR_INDICES);
            a.vbroadcasti128(VALUE[0], at(VALUES[i], 0));
            eight(i, first, INDEX);
            a.popcntd(COUNT, INDEX);
            a.bextr(INDEX, FOUR_INDICES, SECOND);
            a.vbroadcasti128(VALUE[1], at(VALUES[i], COUNT, Short.BYTES, 0));
            eight(i, first + 1, INDEX);
            a.popcntd(COUNT, FOUR_INDICES);
            a.bextr(INDEX, FOUR_INDICES, THIRD);
            a.vbroadcasti128(VALUE[2], at(VALUES[i], COUNT, Short.BYTES, 0));
            eight(i, first + 2, INDEX);
            a.popcntd(INDEX, INDEX);
            a.add(COUNT, INDEX);
            a.vbroadcasti128(VALUE[3], at(VALUES[i], COUNT, Short.BYTES, 0));
            a.popcnt(INDEX, FOUR_INDICES);
            a.shr(FOUR_INDICES, 3 * Short.SIZE);
            eight(i, first + 3, FOUR_INDICES);
            a.lea(VALUES[i], at(VALUES[i], INDEX, Short.BYTES, 0));
        }
    }

    /// Adds the products of 8 columns, the values of which have been loaded.
    private void eight(int i, int k, General index) {
        Ymm value = VALUE[k % FOUR];
        a.vpshufb(value, value, at(TABLE, index, 1, 0));
        a.vfmadd231ps(SUMS[i][k % 2], value, ymm(k));
    }
}
