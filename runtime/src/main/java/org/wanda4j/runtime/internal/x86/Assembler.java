package org.wanda4j.runtime.internal.x86;

/// Writes instructions of x86-64 on vectors too: with AVX2 and FMA where they are 256 or 128 bits wide, with AVX-512 where they are 512.
///
/// Encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. A method is named as its instruction is for 512
/// bits; the narrower one may have another name (`vpand` for `vpandd`).
final class Assembler extends GeneralAssembler {

    /// A mask register, 0 to 7; 0 stands for no mask.
    record OpMask(int number) {}

    static final OpMask K1 = new OpMask(1);
    static final OpMask K2 = new OpMask(2);
    static final OpMask K3 = new OpMask(3);

    private static final int MAP_0F = 1;
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
    private static final int SHORT = 2;

    private static final Zmm NONE = new Zmm(0);
    private static final OpMask NO_MASK = new OpMask(0);
    private static final int NARROW_REGISTERS = 16;

    static Zmm zmm(int number) {
        return new Zmm(number);
    }

    static Ymm ymm(int number) {
        return new Ymm(number);
    }

    static Xmm xmm(int number) {
        return new Xmm(number);
    }

    /// The lower 128 bits of a vector.
    static Xmm lower(Ymm vector) {
        return new Xmm(vector.number());
    }

    // Moves

    void vmovups(Vector to, Operand from) {
        encode(MAP_0F, NO_PREFIX, W0, 0x10, to, NONE, from, WHOLE);
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

    void vmovups(MemoryOperand to, Vector from) {
        encode(MAP_0F, NO_PREFIX, W0, 0x11, from, NONE, to, WHOLE);
    }

    /// Stores the lower 256 bits.
    void vmovupsHalf(MemoryOperand to, Zmm from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x11, from, NONE, to, NO_MASK, false, 1, HALF);
    }

    /// Stores the lower 128 bits.
    void vmovupsQuarter(MemoryOperand to, Zmm from) {
        evex(MAP_0F, NO_PREFIX, W0, 0x11, from, NONE, to, NO_MASK, false, 0, QUARTER);
    }

    /// Stores the lower 64 bits.
    void vmovlps(MemoryOperand to, Xmm from) {
        vex(MAP_0F, NO_PREFIX, W0, 0x13, from, NONE, to);
    }

    void vmovss(MemoryOperand to, Zmm from) {
        evex(MAP_0F, PREFIX_F3, W0, 0x11, from, NONE, to, NO_MASK, false, 0, ELEMENT);
    }

    void vbroadcastss(Vector to, Operand from) {
        encode(MAP_0F38, PREFIX_66, W0, 0x18, to, NONE, from, ELEMENT);
    }

    /// Zeros outside `where`.
    void vpexpandb(Zmm to, OpMask where, Zmm from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x62, to, NONE, from, where, true, 2, WHOLE);
    }

    /// Zeros outside `where`.
    void vpexpandw(Zmm to, OpMask where, Zmm from) {
        evex(MAP_0F38, PREFIX_66, W1, 0x62, to, NONE, from, where, true, 2, WHOLE);
    }

    void vpmovzxbw(Vector to, Operand from) {
        encode(MAP_0F38, PREFIX_66, W0, 0x30, to, NONE, from, HALF);
    }

    /// 16 bytes to the lower 256 bits; the others become 0.
    void vpmovzxbwHalf(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x30, to, NONE, from, NO_MASK, false, 1, QUARTER);
    }

    void vpmovzxwd(Vector to, Operand from) {
        encode(MAP_0F38, PREFIX_66, W0, 0x33, to, NONE, from, HALF);
    }

    /// From the lower 128 bits.
    void vpmovsxbd(Vector to, Operand from) {
        encode(MAP_0F38, PREFIX_66, W0, 0x21, to, NONE, from, QUARTER);
    }

    /// The quarter `which` of `from`.
    void vextracti32x4(Zmm to, Zmm from, int which) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x39, from, NONE, to, QUARTER);
        bytes(which);
    }

    /// Stores the quarter `which` of `from`.
    void vextracti32x4(MemoryOperand to, Zmm from, int which) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x39, from, NONE, to, QUARTER);
        bytes(which);
    }

    /// Stores the lower 16 bits of each 64.
    void vpmovqw(MemoryOperand to, Zmm from) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x34, from, NONE, to, QUARTER);
    }

    /// Stores the lower 32 bits of each 64.
    void vpmovqd(MemoryOperand to, Zmm from) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x35, from, NONE, to, HALF);
    }

    /// Stores the lower 8 bits of each 32.
    void vpmovdb(MemoryOperand to, Zmm from) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x31, from, NONE, to, QUARTER);
    }

    void vshuff32x4(Zmm to, Zmm a, Zmm b, int order) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x23, to, a, b, WHOLE);
        bytes(order);
    }

    void vunpcklps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x14, to, a, b, WHOLE);
    }

    void vunpckhps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x15, to, a, b, WHOLE);
    }

    void vunpcklpd(Vector to, Vector a, Operand b) {
        encode(MAP_0F, PREFIX_66, W1, 0x14, to, a, b, WHOLE);
    }

    void vunpckhpd(Vector to, Vector a, Operand b) {
        encode(MAP_0F, PREFIX_66, W1, 0x15, to, a, b, WHOLE);
    }

    /// In each 128 bits two numbers of `a`, then two of `b`, as `order` says, two bits each.
    void vshufps(Vector to, Vector a, Vector b, int order) {
        encode(MAP_0F, NO_PREFIX, W0, 0xc6, to, a, b, WHOLE);
        bytes(order);
    }

    void vpermilps(Vector to, Vector from, int order) {
        encode(MAP_0F3A, PREFIX_66, W0, 0x04, to, NONE, from, WHOLE);
        bytes(order);
    }

    void vpbroadcastd(Zmm to, General from) {
        evex(MAP_0F38, PREFIX_66, W0, 0x7c, to, NONE, zmm(from.number()), ELEMENT);
    }

    void vpbroadcastd(Vector to, MemoryOperand from) {
        encode(MAP_0F38, PREFIX_66, W0, 0x58, to, NONE, from, ELEMENT);
    }

    /// 16 bits to each 16 of `to`.
    void vpbroadcastw(Vector to, MemoryOperand from) {
        encode(MAP_0F38, PREFIX_66, W0, 0x79, to, NONE, from, SHORT);
    }

    void vpbroadcastq(Zmm to, MemoryOperand from) {
        evex(MAP_0F38, PREFIX_66, W1, 0x59, to, NONE, from, 2 * ELEMENT);
    }

    /// Each byte of `to` is the byte of `from`, in the same 128 bits, whose number is in `order`; 0 where that is negative.
    void vpshufb(Vector to, Vector from, Operand order) {
        encode(MAP_0F38, PREFIX_66, W0, 0x00, to, from, order, WHOLE);
    }

    // Bits

    void vpxord(Vector to, Vector a, Operand b) {
        encode(MAP_0F, PREFIX_66, W0, 0xef, to, a, b, WHOLE);
    }

    void vpandd(Vector to, Vector a, Operand b) {
        encode(MAP_0F, PREFIX_66, W0, 0xdb, to, a, b, WHOLE);
    }

    /// Each bit of `to` is what `table` has for the bits of `to`, `a` and `b`.
    void vpternlogd(Zmm to, Zmm a, Operand b, int table) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x25, to, a, b, WHOLE);
        bytes(table);
    }

    /// On the lower 256 bits; the others become 0.
    void vpternlogdHalf(Zmm to, Zmm a, Operand b, int table) {
        evex(MAP_0F3A, PREFIX_66, W0, 0x25, to, a, b, NO_MASK, false, 1, HALF);
        bytes(table);
    }

    void vpsllw(Vector to, Vector from, int bits) {
        encode(MAP_0F, PREFIX_66, W0, 0x71, like(to, 6), to, from, WHOLE);
        bytes(bits);
    }

    /// On the lower 256 bits; the others become 0.
    void vpsllwHalf(Zmm to, Zmm from, int bits) {
        evex(MAP_0F, PREFIX_66, W0, 0x71, zmm(6), to, from, NO_MASK, false, 1, HALF);
        bytes(bits);
    }

    void vpslld(Vector to, Vector from, int bits) {
        encode(MAP_0F, PREFIX_66, W0, 0x72, like(to, 6), to, from, WHOLE);
        bytes(bits);
    }

    void vpsrld(Vector to, Vector from, int bits) {
        encode(MAP_0F, PREFIX_66, W0, 0x72, like(to, 2), to, from, WHOLE);
        bytes(bits);
    }

    /// Keeps the sign.
    void vpsrad(Vector to, Vector from, int bits) {
        encode(MAP_0F, PREFIX_66, W0, 0x72, like(to, 4), to, from, WHOLE);
        bytes(bits);
    }

    void vpsrlq(Vector to, Vector from, int bits) {
        encode(MAP_0F, PREFIX_66, W1, 0x73, like(to, 2), to, from, WHOLE);
        bytes(bits);
    }

    // Arithmetic

    void vaddps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x58, to, a, b, WHOLE);
    }

    void vsubps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x5c, to, a, b, WHOLE);
    }

    void vmulps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x59, to, a, b, WHOLE);
    }

    void vdivps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x5e, to, a, b, WHOLE);
    }

    void vmaxps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x5f, to, a, b, WHOLE);
    }

    /// Of whole numbers of 32 bits.
    void vpaddd(Vector to, Vector a, Operand b) {
        encode(MAP_0F, PREFIX_66, W0, 0xfe, to, a, b, WHOLE);
    }

    /// Of whole numbers of 32 bits.
    void vpsubd(Vector to, Vector a, Operand b) {
        encode(MAP_0F, PREFIX_66, W0, 0xfa, to, a, b, WHOLE);
    }

    /// The larger of numbers of 32 bits with a sign.
    void vpmaxsd(Vector to, Vector a, Operand b) {
        encode(MAP_0F38, PREFIX_66, W0, 0x3d, to, a, b, WHOLE);
    }

    void vminps(Vector to, Vector a, Operand b) {
        encode(MAP_0F, NO_PREFIX, W0, 0x5d, to, a, b, WHOLE);
    }

    /// Rounds as `how` says; 0 is to the nearest whole number.
    void vrndscaleps(Vector to, Operand from, int how) {
        encode(MAP_0F3A, PREFIX_66, W0, 0x08, to, NONE, from, WHOLE);
        bytes(how);
    }

    /// `to = a * 2^b`, of the whole part of `b`
    void vscalefps(Zmm to, Zmm a, Operand b) {
        evex(MAP_0F38, PREFIX_66, W0, 0x2c, to, a, b, WHOLE);
    }

    /// `to = to * a + b`
    void vfmadd213ps(Vector to, Vector a, Operand b) {
        encode(MAP_0F38, PREFIX_66, W0, 0xa8, to, a, b, WHOLE);
    }

    /// `to += a * b`
    void vfmadd231ps(Vector to, Vector a, Operand b) {
        encode(MAP_0F38, PREFIX_66, W0, 0xb8, to, a, b, WHOLE);
    }

    void vcvtdq2ps(Vector to, Operand from) {
        encode(MAP_0F, NO_PREFIX, W0, 0x5b, to, NONE, from, WHOLE);
    }

    /// Of the lower half of `from`, from fp16.
    void vcvtph2ps(Vector to, Operand from) {
        encode(MAP_0F38, PREFIX_66, W0, 0x13, to, NONE, from, HALF);
    }

    void vcvtps2dq(Vector to, Operand from) {
        encode(MAP_0F, PREFIX_66, W0, 0x5b, to, NONE, from, WHOLE);
    }

    /// To the lower 256 bits.
    void vcvtneps2bf16(Zmm to, Operand from) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x72, to, NONE, from, WHOLE);
    }

    /// Of 256 bits.
    void vcvtneps2bf16(Xmm to, MemoryOperand from) {
        evex(MAP_0F38, PREFIX_F3, W0, 0x72, to, NONE, from, NO_MASK, false, 1, HALF);
    }

    /// `to_i = a_2i * b_2i + a_2i+1 * b_2i+1`, of 16 bits to 32
    void vpmaddwd(Vector to, Vector a, Operand b) {
        encode(MAP_0F, PREFIX_66, W0, 0xf5, to, a, b, WHOLE);
    }

    /// `to_i += a_2i * b_2i + a_2i+1 * b_2i+1`, of 16 bits to 32
    void vpdpwssd(Vector to, Vector a, Operand b) {
        encode(MAP_0F38, PREFIX_66, W0, 0x52, to, a, b, WHOLE);
    }

    /// `to_i += a_4i * b_4i + ... + a_4i+3 * b_4i+3`, of bytes without a sign and bytes with one to 32 bits
    void vpdpbusd(Vector to, Vector a, Operand b) {
        encode(MAP_0F38, PREFIX_66, W0, 0x50, to, a, b, WHOLE);
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

    // Of 256 and 128 bits

    /// The 16 bytes at `from`, twice.
    void vbroadcasti128(Ymm to, MemoryOperand from) {
        vex(MAP_0F38, PREFIX_66, W0, 0x5a, to, NONE, from);
    }

    /// `from`, its upper half replaced.
    void vinserti128(Ymm to, Ymm from, Operand upper) {
        vex(MAP_0F3A, PREFIX_66, W0, 0x38, to, from, upper);
        bytes(1);
    }

    /// The upper half.
    void vextracti128(Xmm to, Ymm from) {
        vex(MAP_0F3A, PREFIX_66, W0, 0x39, from, NONE, to);
        bytes(1);
    }

    /// Stores the upper half.
    void vextracti128(MemoryOperand to, Ymm from) {
        vex(MAP_0F3A, PREFIX_66, W0, 0x39, from, NONE, to);
        bytes(1);
    }

    /// 64 bits; the others become 0.
    void vmovq(Xmm to, MemoryOperand from) {
        vex(MAP_0F, PREFIX_F3, W0, 0x7e, to, NONE, from);
    }

    /// 32 bits; the others become 0.
    void vmovd(Xmm to, General from) {
        vex(MAP_0F, PREFIX_66, W0, 0x6e, to, NONE, xmm(from.number()));
    }

    /// The first number, for each element.
    void vpbroadcastd(Ymm to, Xmm from) {
        vex(MAP_0F38, PREFIX_66, W0, 0x58, to, NONE, from);
    }

    /// The 64 bits in the order of `order`, two bits each.
    void vpermq(Ymm to, Ymm from, int order) {
        vex(MAP_0F3A, PREFIX_66, W1, 0x00, to, NONE, from);
        bytes(order);
    }

    /// In each 128 bits the numbers of 32 bits of `a`, then those of `b`, in 16 bits.
    void vpackssdw(Vector to, Vector a, Vector b) {
        vex(MAP_0F, PREFIX_66, W0, 0x6b, to, a, b);
    }

    /// In each 128 bits the lower 64 of `a`, then those of `b`.
    void vpunpcklqdq(Vector to, Vector a, Operand b) {
        vex(MAP_0F, PREFIX_66, W0, 0x6c, to, a, b);
    }

    /// In each 128 bits the numbers of 16 bits of `a`, then those of `b`, in 8 bits.
    void vpacksswb(Vector to, Vector a, Vector b) {
        vex(MAP_0F, PREFIX_66, W0, 0x63, to, a, b);
    }

    /// The lower half of `a`, or the upper one where `order` has 1, and below `order >> 4` that of `b`.
    void vperm2i128(Ymm to, Ymm a, Operand b, int order) {
        vex(MAP_0F3A, PREFIX_66, W0, 0x46, to, a, b);
        bytes(order);
    }

    /// In each 128 bits the lower eight bytes of `a` and of `b` by turns.
    void vpunpcklbw(Vector to, Vector a, Operand b) {
        vex(MAP_0F, PREFIX_66, W0, 0x60, to, a, b);
    }

    /// In each 128 bits the upper eight bytes of `a` and of `b` by turns.
    void vpunpckhbw(Vector to, Vector a, Operand b) {
        vex(MAP_0F, PREFIX_66, W0, 0x68, to, a, b);
    }

    /// Of whole numbers of 16 bits.
    void vpaddw(Vector to, Vector a, Operand b) {
        vex(MAP_0F, PREFIX_66, W0, 0xfd, to, a, b);
    }

    /// Of whole numbers of 16 bits.
    void vpsubw(Vector to, Vector a, Operand b) {
        vex(MAP_0F, PREFIX_66, W0, 0xf9, to, a, b);
    }

    /// `to_i = a_2i * b_2i + a_2i+1 * b_2i+1`, of bytes without a sign and bytes with one to 16 bits, the largest where that is too much
    void vpmaddubsw(Vector to, Vector a, Operand b) {
        vex(MAP_0F38, PREFIX_66, W0, 0x04, to, a, b);
    }

    /// Bytes, as many as `to` has 16 bits.
    void vpmovsxbw(Vector to, Operand from) {
        vex(MAP_0F38, PREFIX_66, W0, 0x20, to, NONE, from);
    }

    /// 16 bits of `b` where `which` has a bit, of each eight, of `a` elsewhere.
    void vpblendw(Vector to, Vector a, Operand b, int which) {
        vex(MAP_0F3A, PREFIX_66, W0, 0x0e, to, a, b);
        bytes(which);
    }

    void vpsrlw(Vector to, Vector from, int bits) {
        vex(MAP_0F, PREFIX_66, W0, 0x71, like(to, 2), to, from);
        bytes(bits);
    }

    /// All bits of a number of 32 bits where that of `a` is larger than that of `b`, none elsewhere.
    void vpcmpgtd(Vector to, Vector a, Operand b) {
        vex(MAP_0F, PREFIX_66, W0, 0x66, to, a, b);
    }

    /// Zeros where the number in `where` is not negative; what would lie there is not read.
    void vmaskmovps(Vector to, Vector where, MemoryOperand from) {
        vex(MAP_0F38, PREFIX_66, W0, 0x2c, to, where, from);
    }

    /// Leaves memory as it is where the number in `where` is not negative.
    void vmaskmovps(MemoryOperand to, Vector where, Vector from) {
        vex(MAP_0F38, PREFIX_66, W0, 0x2e, from, where, to);
    }

    void vpord(Vector to, Vector a, Operand b) {
        vex(MAP_0F, PREFIX_66, W0, 0xeb, to, a, b);
    }

    // Encodings

    /// A register of the same width as another.
    static Vector like(Vector vector, int number) {
        return switch (vector) {
            case Zmm _ -> zmm(number);
            case Ymm _ -> ymm(number);
            case Xmm _ -> xmm(number);
        };
    }

    /// As wide as `reg`.
    ///
    /// @param bytes of a memory operand of 512 bits
    private void encode(
            int map,
            int prefix,
            int wide,
            int opcode,
            Vector reg,
            Vector second,
            Operand rm,
            int bytes) {
        if (reg instanceof Zmm) {
            evex(map, prefix, wide, opcode, reg, second, rm, NO_MASK, false, 2, bytes);
        } else {
            vex(map, prefix, W0, opcode, reg, second, rm);
        }
    }

    private void vex(
            int map, int prefix, int wide, int opcode, Vector reg, Vector second, Operand rm) {
        int r = reg.number();
        int v = second.number();
        if ((r | v | (rm instanceof Vector vector ? vector.number() : 0)) >= NARROW_REGISTERS) {
            throw new IllegalArgumentException(
                    "no registers of AVX2: %s, %s, %s".formatted(reg, second, rm));
        }
        int length = reg instanceof Ymm ? 1 : 0;
        int rest = (~v & 15) << 3 | length << 2 | prefix;
        if (map == MAP_0F && wide == 0 && index(rm, 3) == 1 && base(rm, 3) == 1) {
            bytes(0xc5, not(r, 3) << 7 | rest);
        } else {
            bytes(
                    0xc4,
                    not(r, 3) << 7 | index(rm, 3) << 6 | base(rm, 3) << 5 | map,
                    wide << 7 | rest);
        }
        bytes(opcode);
        operand(r, rm, 1);
    }

    /// A bit of the number of what `rm` names, inverted: of a register or of memory's base.
    private static int base(Operand rm, int bit) {
        return switch (rm) {
            case Vector vector -> not(vector.number(), bit);
            case MemoryOperand memory -> not(memory.base().number(), bit);
            case Each memory -> not(memory.base().number(), bit);
            case Constant _ -> 1;
        };
    }

    /// A bit of the number of an index, inverted; of a register the bit behind.
    private static int index(Operand rm, int bit) {
        return switch (rm) {
            case Vector vector -> not(vector.number(), bit + 1);
            case MemoryOperand memory -> not(memory.index().number(), bit);
            case Each _, Constant _ -> 1;
        };
    }

    private void operand(int register, Operand rm, int bytes) {
        switch (rm) {
            case Vector vector -> bytes(direct(register, vector.number()));
            case MemoryOperand memory -> memory(register, memory, bytes);
            case Each each -> memory(register, at(each.base(), each.distance()), ELEMENT);
            case Constant constant -> constant(register, constant);
        }
    }

    private void evex(
            int map,
            int prefix,
            int wide,
            int opcode,
            Vector reg,
            Vector second,
            Operand rm,
            int bytes) {
        evex(map, prefix, wide, opcode, reg, second, rm, NO_MASK, false, 2, bytes);
    }

    /// @param length 2 for 512 bits, 1 for 256, 0 for 128
    /// @param bytes of a memory operand; short distances are counted in them
    private void evex(
            int map,
            int prefix,
            int wide,
            int opcode,
            Vector reg,
            Vector second,
            Operand rm,
            OpMask mask,
            boolean zeros,
            int length,
            int bytes) {
        int r = reg.number();
        int v = second.number();
        int broadcast = rm instanceof Each ? 1 : 0;
        bytes(
                0x62,
                not(r, 3) << 7 | index(rm, 3) << 6 | base(rm, 3) << 5 | not(r, 4) << 4 | map,
                wide << 7 | (~v & 15) << 3 | 4 | prefix,
                (zeros ? 0x80 : 0) | length << 5 | broadcast << 4 | not(v, 4) << 3 | mask.number(),
                opcode);
        operand(r, rm, bytes);
    }
}
