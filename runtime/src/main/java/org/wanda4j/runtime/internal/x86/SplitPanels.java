package org.wanda4j.runtime.internal.x86;

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
import static org.wanda4j.runtime.internal.x86.RowFrame.broadcast;

import java.util.List;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;
import org.wanda4j.runtime.internal.x86.RowFrame.Density;

/// Functions of AVX-512 that write rows of int8 and int4 and panels of vectors so that `vpdpbusd` multiplies them, a byte without a sign
/// and one with a sign.
///
/// A row has a byte for each column, the whole number plus 128, and [#GAP] more. Behind eight rows lie, in as many bytes as a row has, their scales
/// in fp32: the first of each row, the second of each, and so on.
///
/// A panel of `n` vectors, 8 or 16, has for each 32 columns, a step:
///
///     64 / n bytes of each vector: upper halves of its first columns
///     the same of the next columns, to the last
///     as many lower halves
///     factors in fp32, 16 / n times each
///     what products with 128 add up to, negative, of each 32 bits above
///
/// A number of a vector, up to [#LARGEST], is `256 * upper + lower`, both with a sign: the values of the vector to within `1.01 * 2^-16` of the
/// largest of 32.
final class SplitPanels {

    /// Columns in a step.
    static final int COLUMNS = ValueType.GROUP;

    /// Rows whose scales lie together.
    static final int EIGHT = 8;

    /// Bytes of the scales of eight rows in a step.
    static final int SCALES_BYTES = EIGHT * Float.BYTES;

    /// Bytes behind a row, which keep rows that lie a power of two apart from meeting in one set of the cache.
    static final int GAP = 64;

    /// The largest number whose halves are bytes with a sign, and the negative of which is another such.
    private static final int LARGEST = 32_639;

    private static final int HALVES = 2;
    private static final int BIAS = 0x80808080;

    private SplitPanels() {}

    /// Loads of a half of all numbers in a step.
    static int loads(int vectors) {
        return COLUMNS / bytes(vectors);
    }

    /// Bytes that a vector has of a load.
    static int bytes(int vectors) {
        return LINE / vectors;
    }

    /// Offset of the factors in a step.
    static int factors(int vectors) {
        return HALVES * loads(vectors) * LINE;
    }

    /// Offset of what is to be added.
    static int corrections(int vectors) {
        return factors(vectors) + LINE;
    }

    /// Bytes of a step.
    static int stepBytes(int vectors) {
        return corrections(vectors) + LINE;
    }

    /// Writes rows A, of int8 or int4, to [Parameter#VECTOR], with parameters as in [RowFrame].
    static byte[] unpack(ValueType type, Density density) {
        var a = new Assembler();
        boolean halves = type == ValueType.INT4;
        General to = RowFrame.X;
        General end = RowFrame.X_END;
        General scalesTo = RowFrame.SUMS;
        General left = RowFrame.FREE[0];
        General rowBytes = RowFrame.FREE[1];
        General values = RowFrame.VALUES[0];
        General scales = RowFrame.SCALES[0];
        General bitmask = RowFrame.BITMASK[0];
        Zmm row = zmm(0);
        Zmm room = zmm(1);
        Zmm[] scale = {zmm(2), zmm(3)};
        Zmm upperShorts = zmm(4);
        Zmm unit = zmm(5);
        Zmm bias = zmm(6);
        RowFrame.start(a, Long.SIZE);
        RowCode.upperNibbles(a);
        broadcast(a, upperShorts, 0xffff0000);
        broadcast(a, unit, MachineKernels.bits(Avx2Values.unit(type)));
        broadcast(a, bias, BIAS);
        a.lea(rowBytes, at(end, GAP));
        a.sub(rowBytes, to);
        a.lea(scalesTo, at(to, rowBytes, EIGHT, 0));
        a.mov(left, EIGHT);
        int rows = a.here();
        int words = a.alignedHere();
        RowCode.bytes(a, density, halves, 0, row, room);
        a.vpxord(row, row, bias);
        a.vmovups(at(to, 0), row);
        a.vpbroadcastd(scale[0], at(scales, 0));
        a.vpandd(scale[1], scale[0], upperShorts);
        a.vpslld(scale[0], scale[0], Short.SIZE);
        for (int half = 0; half < 2; half++) {
            if (halves) {
                a.vmulps(scale[half], scale[half], unit);
            }
            a.vmovss(at(scalesTo, half * SCALES_BYTES), scale[half]);
        }
        if (density != Density.DENSE) {
            a.add(bitmask, Long.BYTES);
        }
        a.add(scales, 2 * Short.BYTES);
        a.add(scalesTo, 2 * SCALES_BYTES);
        a.add(to, Long.SIZE);
        a.cmp(to, end);
        a.jne(words);
        a.add(to, GAP);
        a.add(end, rowBytes);
        a.sub(scalesTo, rowBytes);
        a.add(scalesTo, GAP + Float.BYTES);
        a.add(left, -1);
        a.cmp(left, 0);
        int within = a.ja();
        a.mov(left, EIGHT);
        a.add(to, rowBytes);
        a.add(end, rowBytes);
        a.lea(scalesTo, at(to, rowBytes, EIGHT, 0));
        a.land(within);
        a.add(RowFrame.ROWS, -1);
        a.jne(rows);
        RowFrame.leaveRows(a);
        return a.code();
    }

    private static final General FROM = RDI;
    private static final General TO = RSI;
    private static final General LEFT = RCX;
    private static final General VECTOR = R8;
    private static final General NEXT = R10;

    /// Below the stack: what a function may use by the calling convention of System V.
    private static final int ROOM = -LINE;

    private static final Zmm NO_SIGN = zmm(31);
    private static final Zmm TINY = zmm(30);
    private static final Zmm LARGEST_NUMBER = zmm(29);
    private static final Zmm UNIT = zmm(28);
    private static final Zmm HALF = zmm(27);
    private static final Zmm BIAS_BYTES = zmm(26);

    /// Writes a panel. It takes the addresses of the vectors in fp32, one behind the other, of the panel, and of nothing; and how many steps a
    /// vector has.
    static byte[] arrange(int vectors) {
        var a = new Assembler();
        broadcast(a, NO_SIGN, Integer.MAX_VALUE);
        broadcast(a, TINY, MachineKernels.bits(1e-30f));
        broadcast(a, LARGEST_NUMBER, MachineKernels.bits(LARGEST));
        broadcast(a, UNIT, MachineKernels.bits(1f / LARGEST));
        broadcast(a, HALF, 1 << (Byte.SIZE - 1));
        broadcast(a, BIAS_BYTES, BIAS);
        a.mov(VECTOR, LEFT);
        a.mov(RAX, COLUMNS * Float.BYTES);
        a.imul(VECTOR, RAX);
        int steps = a.here();
        a.mov(NEXT, FROM);
        for (int v = 0; v < vectors; v++) {
            int place = v * bytes(vectors);
            quantise(a, at(TO, factors(vectors) + place), LINE / Float.BYTES / vectors);
            for (int i = 0; i < HALVES * loads(vectors); i++) {
                copy(a, at(TO, i * LINE + place), ROOM + i * bytes(vectors), bytes(vectors));
            }
            a.add(NEXT, VECTOR);
        }
        correct(a, vectors);
        a.add(FROM, COLUMNS * Float.BYTES);
        a.add(TO, stepBytes(vectors));
        a.add(LEFT, -1);
        a.jne(steps);
        return RowFrame.finish(a);
    }

    /// Has the upper halves of a vector's numbers in [#ROOM], then the lower ones.
    ///
    /// @param factor where their factor is written
    /// @param times how often
    private static void quantise(Assembler a, MemoryOperand factor, int times) {
        Zmm[] x = {zmm(0), zmm(1)};
        Zmm most = zmm(2);
        Zmm other = zmm(3);
        for (int i = 0; i < x.length; i++) {
            a.vmovups(x[i], at(NEXT, i * LINE));
        }
        // Of floats without a sign, the larger is the larger number of bits; NaN is larger than all
        // others.
        a.vpandd(most, x[0], NO_SIGN);
        a.vpandd(other, x[1], NO_SIGN);
        a.vpmaxsd(most, most, other);
        a.vpmaxsd(most, most, TINY);
        RowFrame.fold(a, most, other, () -> a.vpmaxsd(most, most, other));
        a.vmulps(other, most, UNIT);
        for (int i = 0; i < times; i++) {
            a.vmovss(at(factor.base(), factor.distance() + i * Float.BYTES), other);
        }
        a.vdivps(most, LARGEST_NUMBER, most);
        for (int i = 0; i < x.length; i++) {
            int place = ROOM + i * LINE / 4;
            a.vmulps(x[i], x[i], most);
            a.vcvtps2dq(x[i], x[i]);
            a.vpmovdb(at(RSP, place + COLUMNS), x[i]);
            a.vpaddd(x[i], x[i], HALF);
            a.vpsrad(x[i], x[i], Byte.SIZE);
            a.vpmovdb(at(RSP, place), x[i]);
        }
    }

    /// @param bytes 4 or 8
    private static void copy(Assembler a, MemoryOperand to, int place, int bytes) {
        MemoryOperand from = at(RSP, place);
        if (bytes == Long.BYTES) {
            a.mov(RAX, from);
            a.mov(to, RAX);
        } else {
            a.movd(RAX, from);
            a.movd(to, RAX);
        }
    }

    /// Writes what is to be added to sums of products with 128 more than the whole numbers of a row.
    private static void correct(Assembler a, int vectors) {
        Zmm sum = zmm(0);
        Zmm none = zmm(1);
        RowFrame.clear(a, sum, none);
        for (int half : List.of(0, 1)) {
            a.vpslld(sum, sum, half * Byte.SIZE);
            for (int k = 0; k < loads(vectors); k++) {
                a.vpdpbusd(sum, BIAS_BYTES, at(TO, (half * loads(vectors) + k) * LINE));
            }
        }
        a.vpsubd(sum, none, sum);
        a.vmovups(at(TO, corrections(vectors)), sum);
    }
}
