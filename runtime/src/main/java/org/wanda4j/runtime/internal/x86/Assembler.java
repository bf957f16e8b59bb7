package org.wanda4j.runtime.internal.x86;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/// Writes instructions of x86-64 with AVX-512, a method each, named as in Intel's manual: destination first.
///
/// Encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. Activations are all 512 bits wide where nothing
/// else is said; memory operands are a register and a distance.
final class Assembler {

    /// A general register, 0 to 15.
    record General(int number) {}

    /// A mask register, 0 to 7; 0 stands for no mask.
    record OpMask(int number) {}

    static final General RAX = new General(0);
    static final General RCX = new General(1);
    static final General RDX = new General(2);
    static final General RBX = new General(3);
    static final General RSP = new General(4);
    static final General RBP = new General(5);
    static final General RSI = new General(6);
    static final General RDI = new General(7);
    static final General R8 = new General(8);
    static final General R9 = new General(9);
    static final General R10 = new General(10);
    static final General R11 = new General(11);
    static final General R12 = new General(12);
    static final General R13 = new General(13);
    static final General R14 = new General(14);

    static final OpMask K1 = new OpMask(1);
    static final OpMask K2 = new OpMask(2);
    static final OpMask K3 = new OpMask(3);

    /// What an instruction takes from a vector register or from memory.
    sealed interface Operand {}

    /// A vector register, 0 to 31.
    record Zmm(int number) implements Operand {}

    /// MemoryOperand at `base + distance`.
    record MemoryOperand(General base, int distance) implements Operand {}

    /// The number at `base + distance`, for each element.
    record Each(General base, int distance) implements Operand {}

    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    private static final int MAP_0F3A = 3;

    private static final int NO_PREFIX = 0;
    private static final int PREFIX_66 = 1;
    private static final int PREFIX_F3 = 2;

    private static final int W0 = 0;
    private static final int W1 = 1;

    /// Bytes that an instruction reads or writes in memory.
    private static final int WHOLE = 64;

    private static final int HALF = 32;
    private static final int QUARTER = 16;
    private static final int ELEMENT = 4;

    private static final Zmm NONE = new Zmm(0);
    private static final OpMask NO_MASK = new OpMask(0);

    /// Instructions that do nothing, of one byte and of eight.
    private static final int NOTHING = 0x90;

    private static final int[] LONG_NOTHING = {0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};

    private static final int NO_DISTANCE = 0;
    private static final int BRIEF_DISTANCE = 1;
    private static final int DISTANCE = 2;
    private static final int REGISTER_DIRECT = 3;
    private static final int NO_INDEX = 0x24;

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();

    /// Where the distance of a jump forward is, and where it leads.
    private final Map<Integer, Integer> forward = new HashMap<>();

    static Zmm zmm(int number) {
        return new Zmm(number);
    }

    static MemoryOperand at(General base, int distance) {
        return new MemoryOperand(base, distance);
    }

    static Each each(General base, int distance) {
        return new Each(base, distance);
    }

    byte[] code() {
        ByteBuffer bytes = ByteBuffer.wrap(code.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        forward.forEach((at, target) -> bytes.putInt(at, target - at - Integer.BYTES));
        return bytes.array();
    }

    /// Where the next instruction comes to lie.
    int here() {
        return code.size();
    }

    /// As [#here], at the start of a line of the cache: where a short loop is best.
    int alignedHere() {
        while (here() % WHOLE != 0) {
            if (WHOLE - here() % WHOLE < LONG_NOTHING.length) {
                code.write(NOTHING);
            } else {
                bytes(LONG_NOTHING);
            }
        }
        return here();
    }

    // Moves

    void vmovups(Zmm to, Operand from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x10, to, NONE, from, WHOLE);
    }

    /// Leaves the elements outside `where` as they are.
    void vmovups(Zmm to, OpMask where, Operand from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x10, to, NONE, from, where, false, 2, WHOLE);
    }

    /// Zeros outside `where`.
    void vmovupsOrZero(Zmm to, OpMask where, Operand from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x10, to, NONE, from, where, true, 2, WHOLE);
    }

    /// Leaves what is outside `where` as it is.
    void vmovups(MemoryOperand to, OpMask where, Zmm from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x11, from, NONE, to, where, false, 2, WHOLE);
    }

    void vmovups(MemoryOperand to, Zmm from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x11, from, NONE, to, WHOLE);
    }

    /// Stores the lower 256 bits.
    void vmovupsHalf(MemoryOperand to, Zmm from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x11, from, NONE, to, NO_MASK, false, 1, HALF);
    }

    /// Stores the lower 128 bits.
    void vmovupsQuarter(MemoryOperand to, Zmm from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x11, from, NONE, to, NO_MASK, false, 0, QUARTER);
    }

    void vmovss(MemoryOperand to, Zmm from) {
        evex(MAP_0F, PREFIX_F3, W0, 0x11, from, NONE, to, NO_MASK, false, 0, ELEMENT);
    }

    void vbroadcastss(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x18, to, NONE, from, ELEMENT);
    }

    /// Zeros outside `where`.
    void vpexpandb(Zmm to, OpMask where, Zmm from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x62, to, NONE, from, where, true, 2, WHOLE);
    }

    /// Zeros outside `where`.
    void vpexpandw(Zmm to, OpMask where, Zmm from) {
        evex(MAP_0F38, PREFIX_66, W1, 0x62, to, NONE, from, where, true, 2, WHOLE);
    }

    void vpmovzxbw(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x30, to, NONE, from, HALF);
    }

    /// 16 bytes to the lower 256 bits; the others become 0.
    void vpmovzxbwHalf(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x30, to, NONE, from, NO_MASK, false, 1, QUARTER);
    }

    void vpmovzxwd(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x33, to, NONE, from, HALF);
    }

    /// From the lower 128 bits.
    void vpmovsxbd(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x21, to, NONE, from, QUARTER);
    }

    /// The quarter `which` of `from`.
    void vextracti32x4(Zmm to, Zmm from, int which) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x39, from, NONE, to, QUARTER);
        code.write(which);
    }

    /// Stores the lower 16 bits of each 64.
    void vpmovqw(MemoryOperand to, Zmm from) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x34, from, NONE, to, QUARTER);
    }

    void vshuff32x4(Zmm to, Zmm a, Zmm b, int order) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x23, to, a, b, WHOLE);
        code.write(order);
    }

    void vunpcklps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x14, to, a, b, WHOLE);
    }

    void vunpckhps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x15, to, a, b, WHOLE);
    }

    void vunpcklpd(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, PREFIX_66, W1, 0x14, to, a, b, WHOLE);
    }

    void vunpckhpd(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, PREFIX_66, W1, 0x15, to, a, b, WHOLE);
    }

    void vpermilps(Zmm to, Zmm from, int order) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x04, to, NONE, from, WHOLE);
        code.write(order);
    }

    void vpbroadcastd(Zmm to, General from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x7c, to, NONE, zmm(from.number()), ELEMENT);
    }

    void vpbroadcastd(Zmm to, MemoryOperand from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x58, to, NONE, from, ELEMENT);
    }

    // Bits

    void vpxord(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, PREFIX_66, W0, 0xef, to, a, b, WHOLE);
    }

    void vpandd(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, PREFIX_66, W0, 0xdb, to, a, b, WHOLE);
    }

    /// Each bit of `to` is what `table` has for the bits of `to`, `a` and `b`.
    void vpternlogd(Zmm to, Zmm a, Operand b, int table) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x25, to, a, b, WHOLE);
        code.write(table);
    }

    /// On the lower 256 bits; the others become 0.
    void vpternlogdHalf(Zmm to, Zmm a, Operand b, int table) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x25, to, a, b, NO_MASK, false, 1, HALF);
        code.write(table);
    }

    void vpsllw(Zmm to, Zmm from, int bits) {
        evex(MAP_0F, PREFIX_66, W0, 0x71, zmm(6), to, from, WHOLE);
        code.write(bits);
    }

    /// On the lower 256 bits; the others become 0.
    void vpsllwHalf(Zmm to, Zmm from, int bits) {
        evex(MAP_0F, PREFIX_66, W0, 0x71, zmm(6), to, from, NO_MASK, false, 1, HALF);
        code.write(bits);
    }

    void vpslld(Zmm to, Zmm from, int bits) {
        evex(MAP_0F, PREFIX_66, W0, 0x72, zmm(6), to, from, WHOLE);
        code.write(bits);
    }

    void vpsrld(Zmm to, Zmm from, int bits) {
        evex(MAP_0F, PREFIX_66, W0, 0x72, zmm(2), to, from, WHOLE);
        code.write(bits);
    }

    void vpsrlq(Zmm to, Zmm from, int bits) {
        evex(MAP_0F, PREFIX_66, W1, 0x73, zmm(2), to, from, WHOLE);
        code.write(bits);
    }

    // Arithmetic

    void vaddps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x58, to, a, b, WHOLE);
    }

    void vsubps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x5c, to, a, b, WHOLE);
    }

    void vmulps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x59, to, a, b, WHOLE);
    }

    void vdivps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x5e, to, a, b, WHOLE);
    }

    void vmaxps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x5f, to, a, b, WHOLE);
    }

    /// Of whole numbers of 32 bits.
    void vpaddd(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, PREFIX_66, W0, 0xfe, to, a, b, WHOLE);
    }

    /// The larger of numbers of 32 bits with a sign.
    void vpmaxsd(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F38, PREFIX_66, W0, 0x3d, to, a, b, WHOLE);
    }

    void vminps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, NO_PREFIX, W0, 0x5d, to, a, b, WHOLE);
    }

    /// Rounds as `how` says; 0 is to the nearest whole number.
    void vrndscaleps(Zmm to, Operand from, int how) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x08, to, NONE, from, WHOLE);
        code.write(how);
    }

    /// `to = a * 2^b`, of the whole part of `b`
    void vscalefps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F38, PREFIX_66, W0, 0x2c, to, a, b, WHOLE);
    }

    /// `to = to * a + b`
    void vfmadd213ps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F38, PREFIX_66, W0, 0xa8, to, a, b, WHOLE);
    }

    /// `to += a * b`
    void vfmadd231ps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F38, PREFIX_66, W0, 0xb8, to, a, b, WHOLE);
    }

    void vcvtdq2ps(Zmm to, Operand from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x5b, to, NONE, from, WHOLE);
    }

    void vcvtps2dq(Zmm to, Operand from) {
        evex(MAP_0F, PREFIX_66, W0, 0x5b, to, NONE, from, WHOLE);
    }

    /// To the lower 256 bits.
    void vcvtneps2bf16(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x72, to, NONE, from, WHOLE);
    }

    /// `to_i = a_2i * b_2i + a_2i+1 * b_2i+1`, of 16 bits to 32
    void vpmaddwd(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F, PREFIX_66, W0, 0xf5, to, a, b, WHOLE);
    }

    /// `to_i += a_2i * b_2i + a_2i+1 * b_2i+1`, of 16 bits to 32
    void vpdpwssd(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F38, PREFIX_66, W0, 0x52, to, a, b, WHOLE);
    }

    /// `to_i += a_2i * b_2i + a_2i+1 * b_2i+1`, of bf16 to fp32
    void vdpbf16ps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x52, to, a, b, WHOLE);
    }

    // Masks

    /// The lower 32 bits.
    void kmovd(OpMask to, General from) {
        if (from.number() < 8) {
            bytes(0xc5, 0xfb);
        } else {
            bytes(0xc4, 0xc0 | not(from.number(), 3) << 5 | MAP_0F, 0x7b);
        }
        bytes(0x92, direct(to.number(), from.number()));
    }

    /// 32 bits.
    void kmovd(OpMask to, MemoryOperand from) {
        kmov(0xf9, to, from);
    }

    /// 64 bits.
    void kmovq(OpMask to, MemoryOperand from) {
        kmov(0xf8, to, from);
    }

    private void kmov(int prefix, OpMask to, MemoryOperand from) {
        bytes(0xc4, 0xc0 | not(from.base().number(), 3) << 5 | MAP_0F, prefix, 0x90);
        memory(to.number(), from, 1);
    }

    // General registers, 64 bits

    void mov(General to, General from) {
        rex(from.number(), to.number());
        bytes(0x89, direct(from.number(), to.number()));
    }

    void mov(General to, MemoryOperand from) {
        rex(to.number(), from.base().number());
        code.write(0x8b);
        memory(to.number(), from, 1);
    }

    void mov(MemoryOperand to, General from) {
        rex(from.number(), to.base().number());
        code.write(0x89);
        memory(from.number(), to, 1);
    }

    /// 32 bits; the upper half becomes 0.
    void movd(General to, MemoryOperand from) {
        shortRex(to.number(), from.base().number());
        code.write(0x8b);
        memory(to.number(), from, 1);
    }

    void movd(MemoryOperand to, General from) {
        shortRex(from.number(), to.base().number());
        code.write(0x89);
        memory(from.number(), to, 1);
    }

    /// 32 bits, sign and all; the upper half becomes the sign's.
    void mov(General to, int value) {
        rex(0, to.number());
        bytes(0xc7, direct(0, to.number()));
        word(value);
    }

    void lea(General to, MemoryOperand from) {
        rex(to.number(), from.base().number());
        code.write(0x8d);
        memory(to.number(), from, 1);
    }

    void add(General to, General from) {
        rex(from.number(), to.number());
        bytes(0x01, direct(from.number(), to.number()));
    }

    void add(General to, int value) {
        arithmetic(0, to, value);
    }

    void sub(General to, General from) {
        rex(from.number(), to.number());
        bytes(0x29, direct(from.number(), to.number()));
    }

    void imul(General to, General from) {
        rex(to.number(), from.number());
        bytes(0x0f, 0xaf, direct(to.number(), from.number()));
    }

    /// Moves where the last comparison found its first operand to be no less.
    void cmovae(General to, General from) {
        rex(to.number(), from.number());
        bytes(0x0f, 0x43, direct(to.number(), from.number()));
    }

    void cmp(General a, General b) {
        rex(b.number(), a.number());
        bytes(0x39, direct(b.number(), a.number()));
    }

    void cmp(General a, int value) {
        arithmetic(7, a, value);
    }

    private void arithmetic(int operation, General to, int value) {
        rex(0, to.number());
        if ((byte) value == value) {
            bytes(0x83, direct(operation, to.number()), value);
        } else {
            bytes(0x81, direct(operation, to.number()));
            word(value);
        }
    }

    void shl(General to, int bits) {
        rex(0, to.number());
        bytes(0xc1, direct(4, to.number()), bits);
    }

    void shr(General to, int bits) {
        rex(0, to.number());
        bytes(0xc1, direct(5, to.number()), bits);
    }

    /// Counts the bits that are set in 64.
    void popcnt(General to, MemoryOperand from) {
        code.write(0xf3);
        rex(to.number(), from.base().number());
        bytes(0x0f, 0xb8);
        memory(to.number(), from, 1);
    }

    /// Counts the bits that are set in 32.
    void popcntd(General to, MemoryOperand from) {
        code.write(0xf3);
        shortRex(to.number(), from.base().number());
        bytes(0x0f, 0xb8);
        memory(to.number(), from, 1);
    }

    /// The lowest `count` bits of `from`, up to all 32.
    void bzhi(General to, General from, General count) {
        int r = to.number();
        int b = from.number();
        bytes(0xc4, not(r, 3) << 7 | 0x40 | not(b, 3) << 5 | MAP_0F38);
        bytes((~count.number() & 15) << 3, 0xf5, direct(r, b));
    }

    void push(General from) {
        shortRex(0, from.number());
        code.write(0x50 | (from.number() & 7));
    }

    void pop(General to) {
        shortRex(0, to.number());
        code.write(0x58 | (to.number() & 7));
    }

    // Control

    /// Jumps back while the last comparison found a difference, or the last sum was not 0.
    void jne(int target) {
        bytes(0x0f, 0x85);
        jump(target);
    }

    /// Jumps back while the last sum was not negative.
    void jns(int target) {
        bytes(0x0f, 0x89);
        jump(target);
    }

    /// Jumps back.
    void jmp(int target) {
        code.write(0xe9);
        jump(target);
    }

    private void jump(int target) {
        word(target - (here() + Integer.BYTES));
    }

    /// Jumps forward where the last comparison found its first operand to be larger.
    ///
    /// @return what [#land] takes to say where to
    int ja() {
        bytes(0x0f, 0x87);
        int jump = here();
        word(0);
        return jump;
    }

    /// Has a jump forward lead here.
    void land(int jump) {
        forward.put(jump, here());
    }

    /// Has a line come into the nearest cache. What is no memory of the process is ignored.
    void prefetcht0(MemoryOperand from) {
        shortRex(0, from.base().number());
        bytes(0x0f, 0x18);
        memory(1, from, 1);
    }

    void vzeroupper() {
        bytes(0xc5, 0xf8, 0x77);
    }

    void ret() {
        code.write(0xc3);
    }

    /// For an operation on 64 bits.
    private void rex(int register, int base) {
        code.write(0x48 | register >> 3 << 2 | base >> 3);
    }

    /// For an operation that needs no prefix but for the registers from 8 on.
    private void shortRex(int register, int base) {
        if (register > 7 || base > 7) {
            code.write(0x40 | register >> 3 << 2 | base >> 3);
        }
    }

    private void evex(
            int map, int prefix, int wide, int opcode, Zmm reg, Zmm second, Operand rm, int bytes) {
        evex(map, prefix, wide, opcode, reg, second, rm, NO_MASK, false, 2, bytes);
    }

    /// @param length 2 for 512 bits, 1 for 256, 0 for 128
    /// @param bytes of a memory operand; short distances are counted in them
    private void evex(
            int map,
            int prefix,
            int wide,
            int opcode,
            Zmm reg,
            Zmm second,
            Operand rm,
            OpMask mask,
            boolean zeros,
            int length,
            int bytes) {
        int r = reg.number();
        int v = second.number();
        int b =
                switch (rm) {
                    case Zmm vector -> vector.number();
                    case MemoryOperand memory -> memory.base().number();
                    case Each memory -> memory.base().number();
                };
        int broadcast = rm instanceof Each ? 1 : 0;
        code.write(0x62);
        code.write(not(r, 3) << 7 | not(b, 4) << 6 | not(b, 3) << 5 | not(r, 4) << 4 | map);
        code.write(wide << 7 | (~v & 15) << 3 | 4 | prefix);
        code.write(
                (zeros ? 0x80 : 0) | length << 5 | broadcast << 4 | not(v, 4) << 3 | mask.number());
        code.write(opcode);
        switch (rm) {
            case Zmm _ -> code.write(direct(r, b));
            case MemoryOperand memory -> memory(r, memory, bytes);
            case Each each -> memory(r, at(each.base(), each.distance()), ELEMENT);
        }
    }

    /// A bit of a register's number, inverted.
    private static int not(int number, int bit) {
        return ~number >> bit & 1;
    }

    /// The byte that names two registers.
    private static int direct(int register, int other) {
        return REGISTER_DIRECT << 6 | (register & 7) << 3 | (other & 7);
    }

    /// @param bytes in which a short distance is counted
    private void memory(int register, MemoryOperand memory, int bytes) {
        int base = memory.base().number() & 7;
        int distance = memory.distance();
        boolean none = distance == 0 && base != RBP.number();
        boolean brief = distance % bytes == 0 && (byte) (distance / bytes) == distance / bytes;
        int mode = none ? NO_DISTANCE : brief ? BRIEF_DISTANCE : DISTANCE;
        code.write(mode << 6 | (register & 7) << 3 | base);
        if (base == RSP.number()) {
            code.write(NO_INDEX);
        }
        if (mode == BRIEF_DISTANCE) {
            code.write(distance / bytes);
        } else if (mode == DISTANCE) {
            word(distance);
        }
    }

    private void bytes(int... values) {
        for (int value : values) {
            code.write(value);
        }
    }

    private void word(int value) {
        bytes(value, value >> 8, value >> 16, value >> 24);
    }
}
