package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.K1;
import static org.wanda4j.runtime.internal.x86.Assembler.zmm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R8;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R9;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RAX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;

/// Functions on the elements of vectors in fp32, any number from 1. Each takes the addresses of three vectors, the number of
/// elements, and a number in fp32; it uses those that it names, and returns a number where it says so.
final class VectorCode {

    private static final int LINE = 64;
    private static final int LANES = LINE / Float.BYTES;

    private static final General[] VECTORS = {RDI, RSI, RDX};
    private static final General LEFT = RCX;
    private static final General ALL_ONES = R8;
    private static final General MOST = R9;

    private static final Zmm NUMBER = zmm(0);
    private static final Zmm SUM = zmm(1);
    private static final Zmm X = zmm(2);
    private static final Zmm Y = zmm(3);

    /// `e^r` for `|r| <= ln 2 / 2` is `1 + r + r^2 P(r)`; from the Cephes library's expf, highest power first.
    private static final double[] P = {
        1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
        4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1
    };

    /// `ln 2` in two parts, the first with few digits.
    private static final double LN_2_HIGH = 0.693359375;

    private static final double LN_2_LOW = -2.12194440e-4;

    /// `e^x` is 0 below, infinite above.
    private static final double LOWEST = -105;

    private static final double HIGHEST = 105;

    /// Those that [#exp] needs, in registers from [#CONSTANT] on.
    private static final List<Double> CONSTANTS =
            Stream.concat(
                            Stream.of(LOWEST, HIGHEST, 1 / Math.log(2), -LN_2_HIGH, -LN_2_LOW, 1.0),
                            Arrays.stream(P).boxed())
                    .toList();

    private static final int CONSTANT = 16;

    private VectorCode() {}

    /// What a function does with 16 elements, or with those that are left of the last.
    private interface Body {
        void write(Assembler a);
    }

    /// Returns `sum_j a_j^2`.
    static byte[] sumOfSquares() {
        return loop(a -> {
            load(a, X, 0);
            a.vfmadd231ps(SUM, X, X);
        });
    }

    /// `c_j = a_j * number * b_j`
    static byte[] scale() {
        return loop(a -> {
            load(a, X, 0);
            load(a, Y, 1);
            a.vmulps(X, X, NUMBER);
            a.vmulps(X, X, Y);
            store(a, 2, X);
        });
    }

    /// `b_j += a_j`
    static byte[] add() {
        return loop(a -> {
            load(a, X, 0);
            load(a, Y, 1);
            a.vaddps(X, X, Y);
            store(a, 1, X);
        });
    }

    /// `a_j = exp(a_j - number)`; returns their sum.
    static byte[] exponentials() {
        return loop(
                CONSTANTS,
                a -> {
                    load(a, X, 0);
                    a.vsubps(X, X, NUMBER);
                    exp(a, X);
                    store(a, 0, X);
                    a.vmovupsOrZero(X, K1, X);
                    a.vaddps(SUM, SUM, X);
                });
    }

    /// `a_j = a_j / (1 + exp(-a_j)) * b_j`
    static byte[] silu() {
        return loop(
                CONSTANTS,
                a -> {
                    load(a, Y, 0);
                    a.vpxord(X, X, X);
                    a.vsubps(X, X, Y);
                    exp(a, X);
                    a.vaddps(X, X, constant(1));
                    a.vdivps(Y, Y, X);
                    load(a, X, 1);
                    a.vmulps(X, X, Y);
                    store(a, 0, X);
                });
    }

    private static byte[] loop(Body body) {
        return loop(List.of(), body);
    }

    private static byte[] loop(List<Double> constants, Body body) {
        var a = new Assembler();
        for (double each : constants) {
            RowFrame.broadcast(a, constant(each), Float.floatToRawIntBits((float) each));
        }
        a.vbroadcastss(NUMBER, NUMBER);
        a.vpxord(SUM, SUM, SUM);
        a.mov(ALL_ONES, -1);
        a.mov(MOST, Integer.SIZE - 1);
        int loop = a.here();
        a.mov(RAX, LEFT);
        a.cmp(RAX, MOST);
        a.cmovae(RAX, MOST);
        a.bzhi(RAX, ALL_ONES, RAX);
        a.kmovd(K1, RAX);
        body.write(a);
        for (General each : VECTORS) {
            a.add(each, LINE);
        }
        a.mov(RAX, LEFT);
        a.add(LEFT, -LANES);
        a.add(RAX, -LANES - 1);
        a.jns(loop);
        RowFrame.fold(a, SUM, X, () -> a.vaddps(SUM, SUM, X));
        a.vmovups(NUMBER, SUM);
        return RowFrame.finish(a);
    }

    private static MemoryOperand vector(int index) {
        return at(VECTORS[index], 0);
    }

    private static void load(Assembler a, Zmm to, int vector) {
        a.vmovupsOrZero(to, K1, vector(vector));
    }

    private static void store(Assembler a, int vector, Zmm from) {
        a.vmovups(vector(vector), K1, from);
    }

    /// `x = e^x`
    private static void exp(Assembler a, Zmm x) {
        Zmm power = zmm(4);
        Zmm result = zmm(5);
        a.vmaxps(x, constant(LOWEST), x);
        a.vminps(x, constant(HIGHEST), x);
        a.vmulps(power, x, constant(1 / Math.log(2)));
        a.vrndscaleps(power, power, 0);
        a.vfmadd231ps(x, power, constant(-LN_2_HIGH));
        a.vfmadd231ps(x, power, constant(-LN_2_LOW));
        a.vmovups(result, constant(P[0]));
        for (int i = 1; i < P.length; i++) {
            a.vfmadd213ps(result, x, constant(P[i]));
        }
        a.vmulps(result, result, x);
        a.vfmadd213ps(result, x, x);
        a.vaddps(result, result, constant(1));
        a.vscalefps(x, result, power);
    }

    private static Zmm constant(double value) {
        return zmm(CONSTANT + CONSTANTS.indexOf(value));
    }
}
