package org.wanda4j.runtime.x86;

import static org.wanda4j.runtime.x86.Assembler.K1;
import static org.wanda4j.runtime.x86.Assembler.K2;
import static org.wanda4j.runtime.x86.Assembler.K3;
import static org.wanda4j.runtime.x86.Assembler.R10;
import static org.wanda4j.runtime.x86.Assembler.R11;
import static org.wanda4j.runtime.x86.Assembler.R12;
import static org.wanda4j.runtime.x86.Assembler.R8;
import static org.wanda4j.runtime.x86.Assembler.R9;
import static org.wanda4j.runtime.x86.Assembler.RAX;
import static org.wanda4j.runtime.x86.Assembler.RBP;
import static org.wanda4j.runtime.x86.Assembler.RBX;
import static org.wanda4j.runtime.x86.Assembler.RCX;
import static org.wanda4j.runtime.x86.Assembler.RDI;
import static org.wanda4j.runtime.x86.Assembler.RDX;
import static org.wanda4j.runtime.x86.Assembler.RSI;
import static org.wanda4j.runtime.x86.Assembler.at;
import static org.wanda4j.runtime.x86.Assembler.each;
import static org.wanda4j.runtime.x86.Assembler.zmm;

import java.util.List;
import org.wanda4j.runtime.x86.Assembler.General;
import org.wanda4j.runtime.x86.Assembler.Mask;
import org.wanda4j.runtime.x86.Assembler.Zmm;

/// Functions that multiply rows of a matrix with a vector.
///
/// They take two rows at a time, A from one part of the matrix and B from another, which share what is read of the vector; and 64
/// columns at a time: a *word*, for that many places are in a word of the bitmask. The columns of a matrix are a multiple of
/// that. A function takes the address of its [Parameter]s, 64 bits each.
///
/// A bf16 is multiplied with two of bf16 that add up to the vector's value. A byte `q` is multiplied as the 16-bit number `256 q`,
/// for it takes a shift to make such numbers of the bytes at even places, and a mask to make them of the others; a half of
/// a byte is in the upper half of one.
public final class RowCode {

    /// What a function of [#bf16], [#int8] or [#int4] is told, in this order.
    public enum Parameter {
        /// Addresses of the values of the first row A and the first row B; of what follows the last, afterwards.
        VALUES_A,
        VALUES_B,
        /// Of their bitmasks.
        BITMASK_A,
        BITMASK_B,
        /// Of their scales.
        SCALES_A,
        SCALES_B,
        /// Of the vector, as [#split] or [#quantise] has written it, at a line of the cache.
        VECTOR,
        /// Of room for as many bytes as [#ROOM], at a line of the cache.
        ROOM,
        /// Of the products with rows A and with rows B, in fp32; up to three more are written behind them.
        PRODUCTS_A,
        PRODUCTS_B,
        /// How many rows A there are, as many as rows B: at least 1, at most [#MOST_ROWS], of at most [#MOST_WORDS] in all.
        ROWS,
        /// Words of a row.
        WORDS,
        /// Words that the factors of 16 groups go on in those of the vector.
        STEP;

        /// Where it lies.
        @SuppressWarnings("EnumOrdinal")
        public int offset() {
            return ordinal() * Long.BYTES;
        }
    }

    static final int MOST_ROWS = 128;
    public static final int MOST_WORDS = 1024;

    static final int LINE = 64;
    private static final int QUARTER = 16;

    /// A factor for each group of 32 columns of some rows, and what is read and written behind the last.
    static final int FACTORS_BYTES = MOST_WORDS * 2 * Float.BYTES + LINE;

    /// A vector of sums for each row; they are read by four.
    private static final int SUMS_BYTES = (MOST_ROWS + 4) * LINE;

    /// Room that a function needs.
    public static final int ROOM = 2 * (FACTORS_BYTES + SUMS_BYTES);

    /// The largest whole number in a quantised vector: four products with bytes that are shifted by 8 add up to less than `2^31`.
    private static final int LARGEST = 16_383;

    /// What one part of a value of a matrix is of what it is multiplied as.
    public static final float INT8_UNIT = 0x1p-8f;

    public static final float INT4_UNIT = 0x1p-12f;

    /// Bytes of a word of a vector as [#split] and as [#quantise] write it.
    public static final int SPLIT_WORD = 256;

    private static final int QUANTISED_WORD = 128;

    /// How far ahead values are asked for. The processor's own prefetch ends with a page of 4 KiB.
    static final int AHEAD = 3072;

    private static final int BITMASK_AHEAD = 512;

    /// Scales are read for as many words at once.
    private static final int SCALES_AHEAD = MOST_WORDS * 2 * Short.BYTES;

    /// From words to the bytes of a factor for each half of them, and from words to vectors of 16 such factors.
    private static final int TO_FACTORS = 3;

    private static final int SWAP_HALVES = 0x4e;
    static final int SWAP_NEIGHBOURS = 0xb1;

    /// `(a | b) & c`, as a table of `vpternlogd`.
    static final int EITHER_AND_THIRD = 0xa8;

    private static final List<General> SAVED = List.of(RBX, RBP, R12);

    private static final General PARAMETERS = RDI;
    static final General[] VALUES = {RSI, RDX};
    static final General[] BITMASK = {RCX, R8};
    static final General FACTORS = R9;
    static final General SUMS = R10;
    static final General X = R11;
    static final General X_START = RBX;
    static final General X_END = RBP;
    static final General ROWS = R12;
    static final General KEPT = RAX;
    static final Mask[] PLACES = {K1, K3};
    static final Mask SECOND_HALF = K2;

    private static final Zmm[] SUM = {zmm(16), zmm(17)};
    private static final Zmm[] SUM_OF_SECOND = {zmm(18), zmm(19)};
    static final Zmm UPPER_BYTES = zmm(15);
    static final Zmm UPPER_NIBBLES = zmm(14);

    private RowCode() {}

    /// The most rows A that a function takes, of as many words.
    public static int mostRows(int words) {
        return Math.min(MOST_ROWS, MOST_WORDS / words);
    }

    /// [Parameter#STEP] for a vector of [#quantise].
    public static int step(int words) {
        return 8 % words;
    }

    /// Room for a vector of `words` words, and for its factors.
    public static long vectorBytes(int words) {
        return (long) words * SPLIT_WORD + 2L * LINE;
    }

    /// Writes a vector of fp32 as two of bf16 that add up to it: 32 values rounded to the nearest, then what is left of them, rounded too.
    /// It takes four numbers: addresses of the vector and of room for it, its words, and the bytes from a word to the next in
    /// that room, [#SPLIT_WORD] or more.
    public static byte[] split() {
        var a = new Assembler();
        General from = RDI;
        General to = RSI;
        General left = RDX;
        General step = RCX;
        int loop = a.here();
        for (int part = 0; part < 4; part++) {
            Zmm x = zmm(0);
            Zmm high = zmm(1);
            Zmm rounded = zmm(2);
            int place = part / 2 * 2 * LINE + part % 2 * LINE / 2;
            a.vmovups(x, at(from, part * LINE));
            a.vcvtneps2bf16(high, x);
            a.vmovupsHalf(at(to, place), high);
            a.vpmovzxwd(rounded, high);
            a.vpslld(rounded, rounded, Short.SIZE);
            a.vsubps(x, x, rounded);
            a.vcvtneps2bf16(x, x);
            a.vmovupsHalf(at(to, place + LINE), x);
        }
        a.add(from, 4 * LINE);
        a.add(to, step);
        a.add(left, -1);
        a.jne(loop);
        return finish(a);
    }

    /// Writes a vector of fp32 as whole numbers of 16 bits up to [#LARGEST], each 32 of them with a factor of their own: of each
    /// word those at even places, then the others; behind all words the factors in fp32, and sixteen of them once more.
    /// It takes four numbers: addresses of the vector and of room for it, its words, and the bits of the fp32 by which to
    /// multiply the factors.
    public static byte[] quantise() {
        var a = new Assembler();
        General from = RDI;
        General to = RSI;
        General end = RDX;
        General factors = R8;
        General groups = R9;
        Zmm noSign = zmm(31);
        Zmm largest = zmm(30);
        Zmm unit = zmm(29);
        Zmm tiny = zmm(28);
        a.mov(groups, end);
        a.shl(groups, TO_FACTORS);
        a.shl(end, Integer.numberOfTrailingZeros(QUANTISED_WORD));
        a.add(end, to);
        a.mov(factors, end);
        broadcast(a, noSign, Integer.MAX_VALUE);
        broadcast(a, largest, Float.floatToRawIntBits(LARGEST));
        broadcast(a, tiny, Float.floatToRawIntBits(1e-30f));
        a.vpbroadcastd(unit, RCX);
        a.vdivps(unit, unit, largest);
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
            a.vmulps(other, most, unit);
            a.vmovss(at(factors, group * Float.BYTES), other);
            a.vdivps(most, largest, most);
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
        a.add(to, 2 * LINE);
        a.add(factors, 2 * Float.BYTES);
        a.cmp(to, end);
        a.jne(loop);
        a.add(groups, end);
        for (int i = 0; i < 16; i++) {
            a.movd(RAX, at(end, i * Float.BYTES));
            a.movd(at(groups, i * Float.BYTES), RAX);
        }
        return finish(a);
    }

    /// Rows of bf16, times a vector that [#split] has written.
    public static byte[] bf16(boolean sparse) {
        var a = new Assembler();
        start(a, SPLIT_WORD);
        int rows = startRows(a);
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
                shorts(a, sparse, half, i, row);
                a.vdpbf16ps(sums[i][2 * half], row, x[0]);
                a.vdpbf16ps(sums[i][2 * half + 1], row, x[1]);
            }
        }
        if (sparse) {
            nextPlaces(a);
        }
        a.add(X, SPLIT_WORD);
        a.cmp(X, X_END);
        a.jne(words);
        for (Zmm[] each : sums) {
            a.vaddps(each[0], each[0], each[2]);
            a.vaddps(each[1], each[1], each[3]);
            a.vaddps(each[0], each[0], each[1]);
        }
        return end(a, rows);
    }

    /// Rows of bytes, times a vector that [#quantise] has written.
    public static byte[] int8(boolean sparse) {
        return integers(sparse, false);
    }

    /// Rows of halves of bytes, times a vector that [#quantise] has written.
    public static byte[] int4(boolean sparse) {
        return integers(sparse, true);
    }

    private static byte[] integers(boolean sparse, boolean halves) {
        var a = new Assembler();
        start(a, QUANTISED_WORD);
        factors(a);
        broadcast(a, UPPER_BYTES, 0xff00ff00);
        broadcast(a, UPPER_NIBBLES, 0xf0f0f0f0);
        a.mov(RAX, 0xff00);
        a.kmovd(SECOND_HALF, RAX);
        int rows = startRows(a);
        clear(a, SUM);
        clear(a, SUM_OF_SECOND);
        int words = a.alignedHere();
        for (int i = 0; i < 2; i++) {
            Zmm row = zmm(3 * i);
            Zmm evens = zmm(3 * i + 1);
            Zmm odds = zmm(3 * i + 2);
            bytes(a, sparse, halves, i, row, evens);
            a.vpsllw(evens, row, Byte.SIZE);
            a.vpandd(odds, row, UPPER_BYTES);
            a.vpmaddwd(evens, evens, at(X, 0));
            a.vpdpwssd(evens, odds, at(X, LINE));
            a.vcvtdq2ps(evens, evens);
            int factor = i * FACTORS_BYTES;
            a.vfmadd231ps(SUM[i], evens, each(FACTORS, factor));
            a.vfmadd231ps(SUM_OF_SECOND[i], evens, each(FACTORS, factor + Float.BYTES));
        }
        if (sparse) {
            nextPlaces(a);
        }
        a.add(FACTORS, 2 * Float.BYTES);
        a.add(X, QUANTISED_WORD);
        a.cmp(X, X_END);
        a.jne(words);
        for (int i = 0; i < 2; i++) {
            a.vmovups(SUM[i], SECOND_HALF, SUM_OF_SECOND[i]);
        }
        return end(a, rows);
    }

    /// Has the next 32 values of row A or B in `row`.
    ///
    /// @param half which of a word
    /// @param i 0 for A, 1 for B
    static void shorts(Assembler a, boolean sparse, int half, int i, Zmm row) {
        a.prefetcht0(at(VALUES[i], AHEAD));
        a.vmovups(row, at(VALUES[i], 0));
        if (sparse) {
            a.movd(KEPT, at(BITMASK[i], half * Integer.BYTES));
            a.kmovd(PLACES[i], KEPT);
            a.popcnt(KEPT, KEPT);
            a.vpexpandw(row, PLACES[i], row);
            a.add(KEPT, KEPT);
            a.add(VALUES[i], KEPT);
        } else {
            a.add(VALUES[i], LINE);
        }
    }

    /// Has the next 64 bytes of row A or B in `row`, or halves of bytes, each in the upper half of one.
    ///
    /// @param i 0 for A, 1 for B
    static void bytes(Assembler a, boolean sparse, boolean halves, int i, Zmm row, Zmm room) {
        a.prefetcht0(at(VALUES[i], AHEAD));
        if (halves) {
            a.vpmovzxbw(row, at(VALUES[i], 0));
            a.vpsllw(room, row, 12);
            a.vpternlogd(row, room, UPPER_NIBBLES, EITHER_AND_THIRD);
        } else {
            a.vmovups(row, at(VALUES[i], 0));
        }
        if (sparse) {
            a.mov(KEPT, at(BITMASK[i], 0));
            a.kmovq(PLACES[i], KEPT);
            a.popcnt(KEPT, KEPT);
            a.vpexpandb(row, PLACES[i], row);
            if (halves) {
                a.add(KEPT, 1);
                a.shr(KEPT, 1);
            }
            a.add(VALUES[i], KEPT);
        } else {
            a.add(VALUES[i], halves ? LINE / 2 : LINE);
        }
    }

    /// Goes on to the next word of the bitmasks.
    static void nextPlaces(Assembler a) {
        for (General each : BITMASK) {
            a.prefetcht0(at(each, BITMASK_AHEAD));
            a.add(each, Long.BYTES);
        }
    }

    static void clear(Assembler a, Zmm[] sums) {
        for (Zmm each : sums) {
            a.vpxord(each, each, each);
        }
    }

    /// Saves registers, and loads what stays the same for all rows.
    ///
    /// @param wordBytes from a word of the vector to the next
    static void start(Assembler a, int wordBytes) {
        SAVED.forEach(a::push);
        load(a, FACTORS, Parameter.ROOM);
        load(a, X_START, Parameter.VECTOR);
        load(a, X_END, Parameter.WORDS);
        a.shl(X_END, Integer.numberOfTrailingZeros(wordBytes));
        a.add(X_END, X_START);
    }

    /// Multiplies the scales of all rows with the factors of the vector, sixteen at a time, whatever row they are of.
    static void factors(Assembler a) {
        General[] scales = {RSI, RDX};
        General to = RCX;
        General left = R8;
        General ofVector = R10;
        General step = R11;
        General all = R12;
        Zmm factor = zmm(2);
        load(a, scales[0], Parameter.SCALES_A);
        load(a, scales[1], Parameter.SCALES_B);
        a.mov(to, FACTORS);
        load(a, all, Parameter.WORDS);
        load(a, left, Parameter.ROWS);
        a.imul(left, all);
        a.add(left, 7);
        a.shr(left, TO_FACTORS);
        a.shl(all, TO_FACTORS);
        load(a, step, Parameter.STEP);
        a.shl(step, TO_FACTORS);
        a.mov(ofVector, X_END);
        int loop = a.alignedHere();
        a.vmovups(factor, at(ofVector, 0));
        for (int i = 0; i < 2; i++) {
            a.prefetcht0(at(scales[i], SCALES_AHEAD));
            a.vpmovzxwd(zmm(i), at(scales[i], 0));
            a.vpslld(zmm(i), zmm(i), Short.SIZE);
            a.vmulps(zmm(i), zmm(i), factor);
            a.vmovups(at(to, i * FACTORS_BYTES), zmm(i));
            a.add(scales[i], LINE / 2);
        }
        a.add(to, LINE);
        a.add(ofVector, step);
        a.mov(RAX, ofVector);
        a.sub(RAX, all);
        a.cmp(RAX, X_END);
        a.cmovae(ofVector, RAX);
        a.add(left, -1);
        a.jne(loop);
    }

    /// Loads where the rows are.
    ///
    /// @return where the code of the next rows begins
    static int startRows(Assembler a) {
        load(a, VALUES[0], Parameter.VALUES_A);
        load(a, VALUES[1], Parameter.VALUES_B);
        load(a, BITMASK[0], Parameter.BITMASK_A);
        load(a, BITMASK[1], Parameter.BITMASK_B);
        load(a, ROWS, Parameter.ROWS);
        a.lea(SUMS, at(FACTORS, 2 * FACTORS_BYTES));
        int rows = a.here();
        a.mov(X, X_START);
        return rows;
    }

    /// Ends two rows, whose sums are in [#SUM], and goes on with the next; ends the function behind the last.
    private static byte[] end(Assembler a, int rows) {
        a.vmovups(at(SUMS, 0), SUM[0]);
        a.vmovups(at(SUMS, SUMS_BYTES), SUM[1]);
        a.add(SUMS, LINE);
        a.add(ROWS, -1);
        a.jne(rows);
        a.mov(at(PARAMETERS, Parameter.VALUES_A.offset()), VALUES[0]);
        a.mov(at(PARAMETERS, Parameter.VALUES_B.offset()), VALUES[1]);
        Zmm[] sums = {zmm(4), zmm(5), zmm(6), zmm(7)};
        return end(
                a,
                SUMS_BYTES,
                LINE,
                (from, to) -> {
                    for (int i = 0; i < 4; i++) {
                        a.vmovups(sums[i], at(from, i * LINE));
                    }
                    addUp(a, sums);
                    a.vmovupsQuarter(at(to, 0), sums[0]);
                });
    }

    /// Makes products of the sums of four rows, and writes them.
    interface Fours {
        void write(General sums, General products);
    }

    /// Ends a function: makes the products of the sums that its rows have left.
    ///
    /// @param allBytes from the sums of rows A to those of rows B
    /// @param rowBytes from the sums of a row to the next
    static byte[] end(Assembler a, int allBytes, int rowBytes, Fours fours) {
        General from = RSI;
        General to = RDX;
        General left = RCX;
        for (Parameter products : List.of(Parameter.PRODUCTS_A, Parameter.PRODUCTS_B)) {
            load(a, from, Parameter.ROOM);
            a.add(from, 2 * FACTORS_BYTES + (products == Parameter.PRODUCTS_A ? 0 : allBytes));
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
        SAVED.reversed().forEach(a::pop);
        return finish(a);
    }

    /// Combines all elements of `vector` into each of them.
    ///
    /// @param combine combines `vector` with `room`
    static void fold(Assembler a, Zmm vector, Zmm room, Runnable combine) {
        for (int order : new int[] {SWAP_HALVES, SWAP_NEIGHBOURS}) {
            a.vshuff32x4(room, vector, vector, order);
            combine.run();
        }
        for (int order : new int[] {SWAP_HALVES, SWAP_NEIGHBOURS}) {
            a.vpermilps(room, vector, order);
            combine.run();
        }
    }

    /// The four sums over the elements of `vectors`, to the lower 128 bits of the first.
    static void addUp(Assembler a, Zmm[] vectors) {
        Zmm first = vectors[0];
        Zmm room = zmm(0);
        for (int i = 0; i < 4; i += 2) {
            a.vunpcklps(room, vectors[i], vectors[i + 1]);
            a.vunpckhps(vectors[i], vectors[i], vectors[i + 1]);
            a.vaddps(vectors[i], vectors[i], room);
        }
        a.vunpcklpd(room, first, vectors[2]);
        a.vunpckhpd(first, first, vectors[2]);
        a.vaddps(first, first, room);
        a.vshuff32x4(room, first, first, SWAP_HALVES);
        a.vaddps(first, first, room);
        a.vshuff32x4(room, first, first, SWAP_NEIGHBOURS);
        a.vaddps(first, first, room);
    }

    static void load(Assembler a, General to, Parameter parameter) {
        a.mov(to, at(PARAMETERS, parameter.offset()));
    }

    static void broadcast(Assembler a, Zmm to, int bits) {
        a.mov(RAX, bits);
        a.vpbroadcastd(to, RAX);
    }

    static byte[] finish(Assembler a) {
        a.vzeroupper();
        a.ret();
        return a.code();
    }
}
