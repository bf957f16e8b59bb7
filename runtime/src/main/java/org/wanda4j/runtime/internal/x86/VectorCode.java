package org.wanda4j.runtime.internal.x86;

import static org.wanda4j.runtime.internal.x86.Assembler.K1;
import static org.wanda4j.runtime.internal.x86.Assembler.xmm;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.R8;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RAX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RCX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RDX;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.RSI;
import static org.wanda4j.runtime.internal.x86.GeneralAssembler.at;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntUnaryOperator;
import org.wanda4j.runtime.internal.kernels.Exponential;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Constant;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.General;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.MemoryOperand;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;
import org.wanda4j.runtime.internal.x86.GeneralAssembler.Zmm;

/// Writes a function on the elements of vectors in fp32, any number from 1. It takes the addresses of three vectors, the number of
/// elements, and a number in fp32; it uses those that it names, and returns a number where it says so.
final class VectorCode {

    private static final General[] VECTORS = {RDI, RSI, RDX};
    private static final General LEFT = RCX;
    private static final General ALL_ONES = R8;

    /// `e^x` is 0 below, infinite above.
    private static final double LOWEST = -105;

    private static final double HIGHEST = 105;

    private static final int EXPONENT_BIAS = 127;
    private static final int MANTISSA_BITS = 23;

    private final Assembler a = new Assembler();
    private final Width width;
    private final int lanes;
    private final Vector number;
    private final Vector sum;
    private final Vector x;
    private final Vector y;
    private final Vector power;
    private final Vector result;
    private final Vector half;

    /// With AVX2, which elements there are.
    private final Vector mask;

    private final Vector lowest;
    private final Vector highest;

    /// Whether the code that is written is for elements that are fewer than a vector has.
    private boolean isRest;

    VectorCode(Width width) {
        this.width = width;
        this.lanes = width.bytes() / Float.BYTES;
        this.number = width.vector(0);
        this.sum = width.vector(1);
        this.x = width.vector(2);
        this.y = width.vector(3);
        this.power = width.vector(4);
        this.result = width.vector(5);
        this.half = width.vector(6);
        this.mask = width.vector(7);
        this.lowest = width.vector(8);
        this.highest = width.vector(9);
    }

    /// Returns `sum_j a_j^2`.
    byte[] sumOfSquares() {
        return loop(() -> {
            load(x, 0);
            a.vfmadd231ps(sum, x, x);
        });
    }

    /// `c_j = a_j * number * b_j`
    byte[] scale() {
        return loop(() -> {
            load(x, 0);
            load(y, 1);
            a.vmulps(x, x, number);
            a.vmulps(x, x, y);
            store(2, x);
        });
    }

    /// `b_j += a_j`
    byte[] add() {
        return loop(() -> {
            load(x, 0);
            load(y, 1);
            a.vaddps(x, x, y);
            store(1, x);
        });
    }

    /// `a_j = exp(a_j - number)`; returns their sum.
    byte[] exponentials() {
        return loop(() -> {
            load(x, 0);
            a.vsubps(x, x, number);
            exp();
            store(0, x);
            if (isRest) {
                clearOthers(x);
            }
            a.vaddps(sum, sum, x);
        });
    }

    /// `a_j = a_j / (1 + exp(-a_j)) * b_j`
    byte[] silu() {
        return loop(() -> {
            load(y, 0);
            a.vpxord(x, x, x);
            a.vsubps(x, x, y);
            exp();
            a.vaddps(x, x, constant(1));
            a.vdivps(y, y, x);
            load(x, 1);
            a.vmulps(x, x, y);
            store(0, x);
        });
    }

    /// @param body what is done with the elements of a vector
    private byte[] loop(Runnable body) {
        a.vbroadcastss(number, xmm(0));
        a.vmovups(lowest, constant(LOWEST));
        a.vmovups(highest, constant(HIGHEST));
        RowFrame.clear(a, sum);
        int loop = a.here();
        a.cmp(LEFT, lanes - 1);
        int rest = a.jbe();
        body.run();
        for (General each : VECTORS) {
            a.add(each, width.bytes());
        }
        a.add(LEFT, -lanes);
        a.jmp(loop);
        a.land(rest);
        a.cmp(LEFT, 0);
        int end = a.jbe();
        isRest = true;
        setMask();
        body.run();
        a.land(end);
        RowFrame.fold(a, sum, x, () -> a.vaddps(sum, sum, x));
        a.vmovups(number, sum);
        return RowFrame.finish(a);
    }

    private void setMask() {
        if (width != Width.YMM) {
            a.mov(ALL_ONES, -1);
            a.bzhi(RAX, ALL_ONES, LEFT);
            a.kmovd(K1, RAX);
        } else {
            RowFrame.broadcast(a, mask, LEFT);
            a.vpcmpgtd(mask, mask, constants(i -> i));
        }
    }

    private void load(Vector to, int vector) {
        MemoryOperand from = at(VECTORS[vector], 0);
        if (!isRest) {
            a.vmovups(to, from);
        } else if (to instanceof Zmm wide) {
            a.vmovupsOrZero(wide, K1, from);
        } else {
            a.vmaskmovps(to, mask, from);
        }
    }

    private void store(int vector, Vector from) {
        MemoryOperand to = at(VECTORS[vector], 0);
        if (!isRest) {
            a.vmovups(to, from);
        } else if (from instanceof Zmm wide) {
            a.vmovups(to, K1, wide);
        } else {
            a.vmaskmovps(to, mask, from);
        }
    }

    /// Zeros where there are no elements.
    private void clearOthers(Vector vector) {
        if (vector instanceof Zmm wide) {
            a.vmovupsOrZero(wide, K1, wide);
        } else {
            a.vpandd(vector, vector, mask);
        }
    }

    /// `x = e^x`
    private void exp() {
        a.vmaxps(x, lowest, x);
        a.vminps(x, highest, x);
        a.vmulps(power, x, constant(1 / Math.log(2)));
        a.vrndscaleps(power, power, 0);
        a.vfmadd231ps(x, power, constant(-Exponential.LN_2_HIGH));
        a.vfmadd231ps(x, power, constant(-Exponential.LN_2_LOW));
        a.vmovups(result, constant(Exponential.P.getFirst()));
        for (int i = 1; i < Exponential.P.size(); i++) {
            a.vfmadd213ps(result, x, constant(Exponential.P.get(i)));
        }
        a.vmulps(result, result, x);
        a.vfmadd213ps(result, x, x);
        a.vaddps(result, result, constant(1));
        if (x instanceof Zmm wide) {
            a.vscalefps(wide, (Zmm) result, power);
        } else {
            scaleByPower();
        }
    }

    /// `x = result * 2^power`: by two powers, for one alone may be none that fp32 has.
    private void scaleByPower() {
        a.vcvtps2dq(power, power);
        a.vpsrad(half, power, 1);
        a.vpsubd(power, power, half);
        for (Vector each : new Vector[] {half, power}) {
            a.vpaddd(each, each, constants(_ -> EXPONENT_BIAS));
            a.vpslld(each, each, MANTISSA_BITS);
            a.vmulps(result, result, each);
        }
        a.vmovups(x, result);
    }

    private Constant constant(double value) {
        int bits = Float.floatToRawIntBits((float) value);
        return constants(_ -> bits);
    }

    /// A vector of numbers of 32 bits.
    private Constant constants(IntUnaryOperator numbers) {
        var bytes = ByteBuffer.allocate(width.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < lanes; i++) {
            bytes.putInt(numbers.applyAsInt(i));
        }
        return a.constant(bytes.array());
    }
}
