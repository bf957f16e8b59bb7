package org.wanda4j.runtime.internal.x86;

import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;

/// How wide the vectors of a function are, and which instructions it may use.
enum Width {
    /// 512 bits, AVX-512 with VNNI, and with sums of products of bf16 that take no longer than those in fp32.
    ZMM(64, 32),
    /// 512 bits, AVX-512 with VNNI; bf16 is multiplied in fp32.
    ZMM_FLOATS(64, 32),
    /// 256 bits, AVX2 with FMA.
    YMM(32, 16);

    private final int bytes;
    private final int registers;

    Width(int bytes, int registers) {
        this.bytes = bytes;
        this.registers = registers;
    }

    /// Whether sums of products of pairs of bf16 are one instruction.
    boolean hasPairs() {
        return this == ZMM;
    }

    /// Of a vector.
    int bytes() {
        return bytes;
    }

    /// How many there are.
    int registers() {
        return registers;
    }

    /// A vector register.
    Vector vector(int number) {
        return this == YMM ? Assembler.ymm(number) : Assembler.zmm(number);
    }
}
