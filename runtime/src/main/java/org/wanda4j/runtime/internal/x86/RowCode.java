package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.K1;
import static org.wanda4j.runtime.internal.x86.Assembler.K3;
import static org.wanda4j.runtime.internal.x86.Assembler.zmm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.each;
import static org.wanda4j.runtime.internal.x86.RowFrame.AHEAD;
import static org.wanda4j.runtime.internal.x86.RowFrame.BITMASK;
import static org.wanda4j.runtime.internal.x86.RowFrame.KEPT;
import static org.wanda4j.runtime.internal.x86.RowFrame.LINE;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.VALUES;
import static org.wanda4j.runtime.internal.x86.RowFrame.X;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;
import static org.wanda4j.runtime.internal.x86.RowFrame.clear;
import static org.wanda4j.runtime.internal.x86.RowFrame.end;
import static org.wanda4j.runtime.internal.x86.RowFrame.endRow;
import static org.wanda4j.runtime.internal.x86.RowFrame.finish;
import static org.wanda4j.runtime.internal.x86.RowFrame.fold;
import static org.wanda4j.runtime.internal.x86.RowFrame.load;
import static org.wanda4j.runtime.internal.x86.RowFrame.nextPlaces;
import static org.wanda4j.runtime.internal.x86.RowFrame.nextWord;
import static org.wanda4j.runtime.internal.x86.RowFrame.start;
import static org.wanda4j.runtime.internal.x86.RowFrame.startRow;

import java.util.List;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.Assembler.OpMask;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;

/// Functions of AVX-512 that multiply rows of a matrix with a vector, within [RowFrame].
///
/// A bf16 weight is multiplied with two bf16 that add up to the vector's value, or with that in fp32. An int8 weight `q` is multiplied as the 16-bit integer
/// `256 q`, which one shift makes of the bytes at even positions, and one mask of the others; an int4 weight is in the upper half of
/// a byte.
final class RowCode {

    private static final int QUARTER = 16;

    /// The largest integer in a quantised vector: four products with bytes that are shifted by 8 add up to less than `2^31`.
    private static final int LARGEST = 16_383;

    /// Ratio of a weight's unit to that of the integer that it is multiplied as.
    static final float INT8_UNIT = 0x1p-8f;

    static final float INT4_UNIT = 0x1p-12f;

    /// Bytes of a word of a vector as [#split] and as [#quantise] write it.
    static final int SPLIT_WORD = 256;

    private static final int QUANTISED_WORD = 192;

    /// `(a | b) & c`, as a table of `vpternlogd`.
    private static final int EITHER_AND_THIRD = 0xa8;

    private static final OpMask[] PLACES = {K1, K3};

    private static final Zmm[] SUM = {zmm(16), zmm(17)};
    private static final Zmm UPPER_BYTES = zmm(15);
    private static final Zmm UPPER_SHORTS = zmm(15);
    private static final Zmm UPPER_NIBBLES = zmm(14);
    private static final Zmm FACTORS = zmm(13);
    private static final Zmm TO_FLOATS = zmm(12);

    private RowCode() {}

    /// Bytes of a vector of `words` words.
    static long vectorBytes(int words) {
        return (long) words * SPLIT_WORD;
    }

    /// Writes an fp32 vector as [#bf16] takes it, of each 32 values two halves: those rounded to bf16, then their remainders, rounded too,
    /// which add up to them; or, where bf16 is multiplied in fp32, those at even positions, then the others.
    /// It takes the addresses of the vector, of the output, and of nothing, and the number of words.
    ///
    /// @param wordBytes distance of two words in the output, [#SPLIT_WORD] or more
    static byte[] split(Width width, int wordBytes) {
        var a = new Assembler();
        General from = RDI;
        General to = RSI;
        General left = RCX;
        int loop = a.here();
        for (int part = 0; part < 4; part++) {
            Zmm x = zmm(0);
            int place = part / 2 * 2 * LINE + part % 2 * LINE / 2;
            a.vmovups(x, at(from, part * LINE));
            if (width.hasPairs()) {
                Zmm high = zmm(1);
                Zmm rounded = zmm(2);
                a.vcvtneps2bf16(high, x);
                a.vmovupsHalf(at(to, place), high);
                a.vpmovzxwd(rounded, high);
                a.vpslld(rounded, rounded, Short.SIZE);
                a.vsubps(x, x, rounded);
                a.vcvtneps2bf16(x, x);
                a.vmovupsHalf(at(to, place + LINE), x);
            } else {
                a.vpmovqd(at(to, place), x);
                a.vpsrlq(x, x, Integer.SIZE);
                a.vpmovqd(at(to, place + LINE), x);
            }
        }
        a.add(from, 4 * LINE);
        a.add(to, wordBytes);
        a.add(left, -1);
        a.jne(loop);
        return finish(a);
    }

    /// Writes an fp32 vector rounded to bf16. It takes the addresses of the vector, of the output, and of nothing, and the number of words.
    ///
    /// @param wordBytes distance of two words in the output
    static byte[] round(int wordBytes) {
        var a = new Assembler();
        General from = RDI;
        General to = RSI;
        General left = RCX;
        Zmm x = zmm(0);
        int loop = a.here();
        for (int part = 0; part < 4; part++) {
            a.vcvtneps2bf16(x, at(from, part * LINE));
            a.vmovupsHalf(at(to, part * LINE / 2), x);
        }
        a.add(from, 4 * LINE);
        a.add(to, wordBytes);
        a.add(left, -1);
        a.jne(loop);
        return finish(a);
    }

    /// Quantises an fp32 vector to 16-bit integers up to [#LARGEST], with a factor for each 32 of them. Writes of each word the integers
    /// at even positions, the others, and the two factors, eight times each: as bf16 pairs with a zero, so that one instruction
    /// multiplies them with two scales, or in fp32.
    /// It takes four integers: addresses of the vector and of the output, the number of words, and the bits of the fp32 by which
    /// the factors are multiplied.
    ///
    /// @param pairs whether [#hasPairs]
    static byte[] quantise(boolean pairs) {
        var a = new Assembler();
        General from = RDI;
        General to = RSI;
        General left = RDX;
        Zmm noSign = zmm(31);
        Zmm largest = zmm(30);
        Zmm unit = zmm(29);
        Zmm tiny = zmm(28);
        Zmm up = zmm(27);
        Zmm upper = zmm(26);
        Zmm one = zmm(25);
        broadcast(a, noSign, Integer.MAX_VALUE);
        broadcast(a, largest, Float.floatToRawIntBits(LARGEST));
        broadcast(a, tiny, Float.floatToRawIntBits(1e-30f));
        a.vpbroadcastd(unit, RCX);
        broadcast(a, up, 0xffff);
        broadcast(a, upper, 0xffff0000);
        broadcast(a, one, Float.floatToRawIntBits(1));
        int loop = a.here();
        for (int group = 0; group < 2; group++) {
            Zmm x = zmm(0);
            Zmm y = zmm(1);
            Zmm most = zmm(2);
            Zmm other = zmm(3);
            a.vmovups(x, at(from, group * 2 * LINE));
            a.vmovups(y, at(from, group * 2 * LINE + LINE));
            a.vpandd(most, x, noSign);
            a.vpandd(other, y, noSign);
            // Of floats without a sign, the larger is the larger number of bits; NaN is larger than
            // all others.
            a.vpmaxsd(most, most, other);
            a.vpmaxsd(most, most, tiny);
            fold(a, most, other, () -> a.vpmaxsd(most, most, other));
            a.vdivps(most, most, largest);
            a.vpaddd(most, most, up);
            a.vpandd(most, most, upper);
            a.vmulps(other, most, unit);
            if (pairs && group == 0) {
                a.vpsrld(other, other, Short.SIZE);
            }
            a.vmovupsHalf(at(to, 2 * LINE + group * LINE / 2), other);
            a.vdivps(most, one, most);
            for (Zmm part : List.of(x, y)) {
                int place = (2 * group + part.number()) * QUARTER;
                a.vmulps(part, part, most);
                a.vcvtps2dq(part, part);
                a.vpmovqw(at(to, place), part);
                a.vpsrlq(part, part, Integer.SIZE);
                a.vpmovqw(at(to, LINE + place), part);
            }
        }
        a.add(from, 4 * LINE);
        a.add(to, QUANTISED_WORD);
        a.add(left, -1);
        a.jne(loop);
        return finish(a);
    }

    private static byte[] bf16(Width width, Density density) {
        var a = new Assembler();
        start(a, SPLIT_WORD);
        if (!width.hasPairs()) {
            broadcast(a, UPPER_SHORTS, 0xffff0000);
        }
        int rows = startRow(a);
        Zmm[][] sums = {{SUM[0], zmm(20), zmm(21), zmm(22)}, {SUM[1], zmm(23), zmm(24), zmm(25)}};
        for (Zmm[] each : sums) {
            clear(a, each);
        }
        int words = a.alignedHere();
        Zmm[] x = {zmm(8), zmm(9)};
        for (int half = 0; half < 2; half++) {
            a.vmovups(x[0], at(X, half * 2 * LINE));
            a.vmovups(x[1], at(X, half * 2 * LINE + LINE));
            for (int i = 0; i < 2; i++) {
                Zmm row = zmm(2 * half + i);
                Zmm evens = zmm(4 + i);
                shorts(a, density, half, i, row);
                if (width.hasPairs()) {
                    a.vdpbf16ps(sums[i][2 * half], row, x[0]);
                    a.vdpbf16ps(sums[i][2 * half + 1], row, x[1]);
                } else {
                    floats(a, row, evens, UPPER_SHORTS);
                    a.vfmadd231ps(sums[i][2 * half], evens, x[0]);
                    a.vfmadd231ps(sums[i][2 * half + 1], row, x[1]);
                }
            }
        }
        nextPlaces(a, density);
        nextWord(a, SPLIT_WORD, words);
        for (Zmm[] each : sums) {
            a.vaddps(each[0], each[0], each[2]);
            a.vaddps(each[1], each[1], each[3]);
            a.vaddps(each[0], each[0], each[1]);
        }
        endRow(a, SUM, rows);
        end(a, SUM[0]);
        return a.code();
    }

    /// Makes fp32 of 32 values of bf16: those at even positions in `evens`, the others where they were.
    static void floats(Assembler a, Zmm row, Zmm evens, Zmm upperShorts) {
        a.vpslld(evens, row, Short.SIZE);
        a.vpandd(row, row, upperShorts);
    }

    /// Rows of `type` by a vector that [#split] has written, or [#quantise] where that is quantised.
    static byte[] rows(ValueType type, Width width, Density density) {
        return type.isQuantised() ? integers(type, width, density) : bf16(width, density);
    }

    /// Whether scales and factors are multiplied as pairs of bf16.
    static boolean hasPairs(ValueType type, Width width) {
        return width.hasPairs() && type.scales() == DType.BF16;
    }

    /// Decodes the next word's bytes while this one's are multiplied.
    private static byte[] integers(ValueType type, Width width, Density density) {
        var a = new Assembler();
        boolean halves = type.isHalves();
        boolean half = halves && density == Density.THIN;
        Zmm[] row = {zmm(0), zmm(4)};
        Zmm[] evens = {zmm(1), zmm(5)};
        Zmm[] odds = {zmm(2), zmm(6)};
        Zmm[] room = {zmm(3), zmm(7)};
        Zmm[] scale = {zmm(8), zmm(9)};
        start(a, QUANTISED_WORD);
        broadcast(a, UPPER_BYTES, 0xff00ff00);
        upperNibbles(a);
        if (!hasPairs(type, width)) {
            a.vmovups(TO_FLOATS, a.constant(RowFrame.scalesOrder(type, LINE)));
        }
        both(i -> bytes(a, density, halves, i, row[i], room[i]));
        nextPlaces(a, density);
        int rows = startRow(a);
        clear(a, SUM);
        int words = a.alignedHere();
        int[] many = new int[2];
        int[] loaded = new int[2];
        a.vmovups(FACTORS, at(X, 2 * LINE));
        both(i -> ask(a, density, i));
        nextPlaces(a, density);
        both(i -> {
            a.vpsllw(evens[i], row[i], Byte.SIZE);
            a.vpandd(odds[i], row[i], UPPER_BYTES);
        });
        both(i -> {
            if (half) {
                a.cmp(KEPT[i], Long.SIZE / 2);
                many[i] = a.ja();
                loadHalf(a, i, row[i], room[i]);
                loaded[i] = a.here();
            } else {
                load(a, halves, i, row[i], room[i]);
            }
        });
        both(i -> place(a, density, halves, i, row[i]));
        if (hasPairs(type, width)) {
            both(i -> a.vpxord(scale[i], scale[i], scale[i]));
            both(i -> a.vdpbf16ps(scale[i], FACTORS, each(SCALES[i], 0)));
        } else {
            both(i -> RowFrame.scales(a, type, i, scale[i], TO_FLOATS));
            both(i -> a.vmulps(scale[i], scale[i], FACTORS));
        }
        both(i -> a.add(SCALES[i], 2 * Short.BYTES));
        both(i -> a.vpmaddwd(evens[i], evens[i], at(X, 0)));
        both(i -> a.vpdpwssd(evens[i], odds[i], at(X, LINE)));
        both(i -> a.vcvtdq2ps(evens[i], evens[i]));
        both(i -> a.vfmadd231ps(SUM[i], evens[i], scale[i]));
        nextWord(a, QUANTISED_WORD, words);
        endRow(a, SUM, rows);
        both(i -> forget(a, density, halves, i));
        end(a, SUM[0]);
        for (int i = 0; half && i < 2; i++) {
            a.land(many[i]);
            load(a, true, i, row[i], room[i]);
            a.jmp(loaded[i]);
        }
        return a.code();
    }

    /// Loads the next 32 values of row A or B to `row`.
    ///
    /// @param half which of a word
    /// @param i 0 for A, 1 for B
    static void shorts(Assembler a, Density density, int half, int i, Zmm row) {
        a.prefetcht0(at(VALUES[i], AHEAD));
        a.vmovups(row, at(VALUES[i], 0));
        if (density == Density.DENSE) {
            a.add(VALUES[i], LINE);
            return;
        }
        MemoryOperand places = at(BITMASK[i], half * Integer.BYTES);
        a.kmovd(PLACES[i], places);
        a.popcntd(KEPT[i], places);
        a.vpexpandw(row, PLACES[i], row);
        a.add(KEPT[i], KEPT[i]);
        a.add(VALUES[i], KEPT[i]);
    }

    /// Loads the next 64 values of row A or B to `row`, int4 ones to the upper halves of bytes.
    ///
    /// @param i 0 for A, 1 for B
    static void bytes(Assembler a, Density density, boolean halves, int i, Zmm row, Zmm room) {
        ask(a, density, i);
        load(a, halves, i, row, room);
        place(a, density, halves, i, row);
    }

    /// Prefetches values, and loads this word's bitmask.
    private static void ask(Assembler a, Density density, int i) {
        a.prefetcht0(at(VALUES[i], AHEAD));
        if (density != Density.DENSE) {
            a.kmovq(PLACES[i], at(BITMASK[i], 0));
            a.popcnt(KEPT[i], at(BITMASK[i], 0));
        }
    }

    /// What [#bytes] prefetches.
    static void upperNibbles(Assembler a) {
        broadcast(a, UPPER_NIBBLES, 0xf0f0f0f0);
    }

    /// Loads the next 64 values to `row`, without gaps.
    private static void load(Assembler a, boolean halves, int i, Zmm row, Zmm room) {
        if (halves) {
            a.vpmovzxbw(row, at(VALUES[i], 0));
            a.vpsllw(room, row, 12);
            a.vpternlogd(row, room, UPPER_NIBBLES, EITHER_AND_THIRD);
        } else {
            a.vmovups(row, at(VALUES[i], 0));
        }
    }

    /// As [#load] of int4, but of the next 32 values only.
    private static void loadHalf(Assembler a, int i, Zmm row, Zmm room) {
        a.vpmovzxbwHalf(row, at(VALUES[i], 0));
        a.vpsllwHalf(room, row, 12);
        a.vpternlogdHalf(row, room, UPPER_NIBBLES, EITHER_AND_THIRD);
    }

    /// Expands values to their columns, and advances the address behind them.
    private static void place(Assembler a, Density density, boolean halves, int i, Zmm row) {
        if (density == Density.DENSE) {
            a.add(VALUES[i], halves ? LINE / 2 : LINE);
            return;
        }
        a.vpexpandb(row, PLACES[i], row);
        toBytes(a, halves, i);
        a.add(VALUES[i], KEPT[i]);
    }

    /// Moves the address back before the word that was expanded last.
    private static void forget(Assembler a, Density density, boolean halves, int i) {
        if (density == Density.DENSE) {
            a.add(VALUES[i], halves ? -LINE / 2 : -LINE);
            return;
        }
        a.popcnt(KEPT[i], at(BITMASK[i], -Long.BYTES));
        toBytes(a, halves, i);
        a.sub(VALUES[i], KEPT[i]);
    }

    private static void toBytes(Assembler a, boolean halves, int i) {
        if (halves) {
            a.add(KEPT[i], 1);
            a.shr(KEPT[i], 1);
        }
    }
}
