package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.xmm;
import static org.wanda4j.runtime.internal.x86.Assembler.zmm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R10;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R8;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RAX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSP;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;
import static org.wanda4j.runtime.internal.x86.RowFrame.LINE;
import static org.wanda4j.runtime.internal.x86.RowFrame.SCALES;
import static org.wanda4j.runtime.internal.x86.RowFrame.both;
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import java.util.List;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Xmm;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;
import org.wanda4j.runtime.internal.x86.RowFrame.Parameter;

/// Functions of AVX-512 that write rows of quantised matrices and panels of vectors so that `vpdpbusd` multiplies them, a byte without a sign
/// and one with a sign.
///
/// Rows lie in pairs of a row A and a row B, each value a byte, the whole number plus 128. Of 32 columns, a step, four bytes of A and the same columns' of
/// B follow each other, and a pair has two lines of such eights:
///
///     columns 0, 4, 16, 20 of the first step, of the second, ...; behind the last step, both scales of each step in fp32
///     columns 8, 12, 24, 28 of the first step, ...
///
/// A panel has for each step 8 loads of four bytes of each vector, then factors in fp32, then what products with 128 add up to, negative. It has
/// either 8 vectors, each twice, for row A and for row B: numbers up to [#LARGEST], the values of the vector to within `1.01 * 2^-8` of the largest of 32.
/// Or it has 16 vectors, each once, and 8 loads more behind the first: a number up to [#LARGEST_HALVES] is `256 * upper + lower`, both with a sign, and
/// upper halves are first; the values to within `1.01 * 2^-16` of the largest of 32.
final class BytePanels {

    /// Columns in a step.
    static final int COLUMNS = ValueType.GROUP;

    /// Loads of numbers in a step, each half of which is one.
    static final int LOADS = COLUMNS / Integer.BYTES;

    /// Pairs of rows that are multiplied together.
    static final int PAIRS = 4;

    /// Bytes of a pair's scales in a step.
    static final int SCALES_BYTES = 2 * Float.BYTES;

    /// Vectors in a panel of bytes.
    static final int EIGHT = 8;

    /// Vectors in a panel of halves.
    static final int SIXTEEN = 16;

    /// Bytes behind a line, which keep lines that lie a power of two apart from meeting in one set of the cache.
    static final int GAP = 64;

    private static final int LARGEST = 127;

    /// The largest number whose halves are bytes with a sign, and the negative of which is another such.
    private static final int LARGEST_HALVES = 32_639;

    private static final int HALVES = 2;
    private static final int BIAS = 0x80808080;
    private static final int BIAS_BITS = 7;

    private BytePanels() {}

    /// Bytes from a line of a pair to the next.
    static long lineBytes(int width) {
        long bytes = width + (long) width / COLUMNS * SCALES_BYTES;
        return Math.ceilDiv(bytes, LINE) * LINE + GAP;
    }

    /// The line of a pair that has the columns of a load.
    static int line(int load) {
        return load / 2 % 2;
    }

    /// Where in the step of a line row A has the columns of a load; row B follows.
    static int place(int load) {
        return (load % 2 + load / 4 * 2) * 2 * Integer.BYTES;
    }

    /// Offset of the factors in a step.
    ///
    /// @param loads of numbers
    static int factors(int loads) {
        return loads * LINE;
    }

    /// Offset of what is to be added.
    static int corrections(int loads) {
        return factors(loads) + LINE;
    }

    /// Bytes of a step.
    static int stepBytes(int loads) {
        return corrections(loads) + LINE;
    }

    /// Writes pairs of rows to [Parameter#VECTOR], the second line of the first to [Parameter#UNPACKED_B], with parameters as in [RowFrame].
    static byte[] unpack(ValueType type, Density density) {
        var a = new Assembler();
        General to = RowFrame.X;
        General end = RowFrame.X_END;
        General columns = RowFrame.SUMS;
        General line = RowFrame.FREE[0];
        General scalesTo = RowFrame.FREE[1];
        Zmm[] row = {zmm(0), zmm(1)};
        Zmm[] room = {zmm(2), zmm(3)};
        Zmm bias = zmm(4);
        Xmm[] scales = {xmm(5), xmm(6)};
        Xmm order = xmm(7);
        Xmm unit = xmm(8);
        RowFrame.start(a, Long.SIZE);
        RowCode.upperNibbles(a);
        broadcast(a, bias, BIAS);
        broadcast(a, zmm(unit.number()), MachineKernels.bits(Avx2Values.unit(type)));
        a.vmovups(order, a.constant(scalesOrder(type)));
        RowFrame.load(a, line, Parameter.UNPACKED_B);
        a.sub(line, to);
        a.mov(columns, end);
        a.sub(columns, to);
        int rows = a.here();
        a.mov(scalesTo, end);
        int words = a.alignedHere();
        both(i -> RowCode.bytes(a, density, type.isHalves(), i, row[i], room[i]));
        both(i -> a.vpxord(row[i], row[i], bias));
        a.vunpcklps(room[0], row[0], row[1]);
        a.vunpckhps(room[1], row[0], row[1]);
        a.vmovups(at(to, 0), room[0]);
        a.vmovups(at(to, line, 1, 0), room[1]);
        both(i -> a.vpbroadcastd(scales[i], at(SCALES[i], 0)));
        both(i -> a.add(SCALES[i], 2 * Short.BYTES));
        a.vpblendw(scales[0], scales[0], scales[1], 0xcc);
        a.vpshufb(scales[0], scales[0], order);
        if (type.scales() == DType.F16) {
            a.vcvtph2ps(scales[0], scales[0]);
        }
        if (type.isHalves()) {
            a.vmulps(scales[0], scales[0], unit);
        }
        a.vmovups(at(scalesTo, 0), scales[0]);
        a.add(scalesTo, 2 * SCALES_BYTES);
        RowFrame.nextPlaces(a, density);
        RowFrame.nextWord(a, Long.SIZE, words);
        a.lea(end, at(end, line, 2, 0));
        a.mov(to, end);
        a.sub(to, columns);
        a.add(RowFrame.ROWS, -1);
        a.jne(rows);
        RowFrame.leaveRows(a);
        return a.code();
    }

    /// From two scales of row A, two of row B to the first of A, the first of B, the second of each: bf16 in fp32, or fp16.
    private static byte[] scalesOrder(ValueType type) {
        byte none = (byte) 0x80;
        return type.scales() == DType.F16
                ? new byte[] {
                    0, 1, 4, 5, 2, 3, 6, 7, none, none, none, none, none, none, none, none
                }
                : new byte[] {
                    none, none, 0, 1, none, none, 4, 5, none, none, 2, 3, none, none, 6, 7
                };
    }

    private static final General FROM = RDI;
    private static final General TO = RSI;
    private static final General LEFT = RCX;
    private static final General VECTOR = R8;
    private static final General NEXT = R10;

    /// Below the stack: what a function may use by the calling convention of System V.
    private static final int ROOM = -LINE;

    private static final Zmm[] NUMBERS = {zmm(0), zmm(1)};
    private static final Zmm NO_SIGN = zmm(31);
    private static final Zmm TINY = zmm(30);
    private static final Zmm LARGEST_NUMBER = zmm(29);
    private static final Zmm UNIT = zmm(28);
    private static final Zmm HALF = zmm(27);
    private static final Zmm BIAS_BYTES = zmm(26);

    /// Writes one vector of a panel of bytes. It takes the addresses of the vector in fp32, of its place in the panel, and of nothing; and how many steps it
    /// has.
    static byte[] arrange() {
        var a = new Assembler();
        start(a, LARGEST);
        int steps = a.here();
        quantise(a, FROM, at(TO, factors(LOADS)), 2);
        for (int i = 0; i < NUMBERS.length; i++) {
            a.vpmovdb(at(RSP, ROOM + i * LINE / 4), NUMBERS[i]);
        }
        Zmm sum = NUMBERS[0];
        Zmm other = NUMBERS[1];
        a.vpaddd(sum, sum, other);
        RowFrame.fold(a, sum, other, () -> a.vpaddd(sum, sum, other));
        a.vpslld(sum, sum, BIAS_BITS);
        a.vpxord(other, other, other);
        a.vpsubd(sum, other, sum);
        for (int i = 0; i < 2; i++) {
            a.vmovss(at(TO, corrections(LOADS) + i * Integer.BYTES), sum);
        }
        for (int k = 0; k < LOADS; k++) {
            a.movd(RAX, at(RSP, ROOM + k * Integer.BYTES));
            a.movd(at(TO, k * LINE), RAX);
            a.movd(at(TO, k * LINE + Integer.BYTES), RAX);
        }
        a.add(FROM, COLUMNS * Float.BYTES);
        a.add(TO, stepBytes(LOADS));
        a.add(LEFT, -1);
        a.jne(steps);
        return RowFrame.finish(a);
    }

    /// Writes a panel of halves. It takes the addresses of the vectors in fp32, one behind the other, of the panel, and of nothing; and how many steps a
    /// vector has.
    static byte[] arrangeHalves() {
        int loads = HALVES * LOADS;
        var a = new Assembler();
        start(a, LARGEST_HALVES);
        broadcast(a, HALF, 1 << (Byte.SIZE - 1));
        broadcast(a, BIAS_BYTES, BIAS);
        a.mov(VECTOR, LEFT);
        a.mov(RAX, COLUMNS * Float.BYTES);
        a.imul(VECTOR, RAX);
        int steps = a.here();
        a.mov(NEXT, FROM);
        for (int v = 0; v < SIXTEEN; v++) {
            int place = v * Integer.BYTES;
            quantise(a, NEXT, at(TO, factors(loads) + place), 1);
            halve(a);
            for (int i = 0; i < loads; i++) {
                a.movd(RAX, at(RSP, ROOM + i * Integer.BYTES));
                a.movd(at(TO, i * LINE + place), RAX);
            }
            a.add(NEXT, VECTOR);
        }
        correct(a, loads);
        a.add(FROM, COLUMNS * Float.BYTES);
        a.add(TO, stepBytes(loads));
        a.add(LEFT, -1);
        a.jne(steps);
        return RowFrame.finish(a);
    }

    private static void start(Assembler a, int largest) {
        broadcast(a, NO_SIGN, Integer.MAX_VALUE);
        broadcast(a, TINY, MachineKernels.bits(1e-30f));
        broadcast(a, LARGEST_NUMBER, MachineKernels.bits(largest));
        broadcast(a, UNIT, MachineKernels.bits(1f / largest));
    }

    /// Has the whole numbers of a step of a vector in [#NUMBERS].
    ///
    /// @param factor where their factor is written
    /// @param times how often
    private static void quantise(Assembler a, General from, MemoryOperand factor, int times) {
        Zmm most = zmm(2);
        Zmm other = zmm(3);
        for (int i = 0; i < NUMBERS.length; i++) {
            a.vmovups(NUMBERS[i], at(from, i * LINE));
        }
        // Of floats without a sign, the larger is the larger number of bits; NaN is larger than all
        // others.
        a.vpandd(most, NUMBERS[0], NO_SIGN);
        a.vpandd(other, NUMBERS[1], NO_SIGN);
        a.vpmaxsd(most, most, other);
        a.vpmaxsd(most, most, TINY);
        RowFrame.fold(a, most, other, () -> a.vpmaxsd(most, most, other));
        a.vmulps(other, most, UNIT);
        for (int i = 0; i < times; i++) {
            a.vmovss(at(factor.base(), factor.distance() + i * Float.BYTES), other);
        }
        a.vdivps(most, LARGEST_NUMBER, most);
        for (Zmm each : NUMBERS) {
            a.vmulps(each, each, most);
            a.vcvtps2dq(each, each);
        }
    }

    /// Has the upper halves of [#NUMBERS] in [#ROOM], then the lower ones.
    private static void halve(Assembler a) {
        for (int i = 0; i < NUMBERS.length; i++) {
            Zmm x = NUMBERS[i];
            int place = ROOM + i * LINE / 4;
            a.vpmovdb(at(RSP, place + COLUMNS), x);
            a.vpaddd(x, x, HALF);
            a.vpsrad(x, x, Byte.SIZE);
            a.vpmovdb(at(RSP, place), x);
        }
    }

    /// Writes what is to be added to sums of products with 128 more than the whole numbers of a row.
    private static void correct(Assembler a, int loads) {
        Zmm sum = zmm(0);
        Zmm none = zmm(1);
        RowFrame.clear(a, sum, none);
        for (int half : List.of(0, 1)) {
            a.vpslld(sum, sum, half * Byte.SIZE);
            for (int k = 0; k < LOADS; k++) {
                a.vpdpbusd(sum, BIAS_BYTES, at(TO, (half * LOADS + k) * LINE));
            }
        }
        a.vpsubd(sum, none, sum);
        a.vmovups(at(TO, corrections(loads)), sum);
    }
}
