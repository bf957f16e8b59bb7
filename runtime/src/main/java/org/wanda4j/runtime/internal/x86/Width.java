package org.wanda4j.runtime.internal.x86;

import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;

/// How wide the vectors of a function are, and which instructions it may use.
enum Width {
    /// 512 bits, AVX-512 with BF16 and VNNI.
    ZMM(64, 32),
    /// 256 bits, AVX2 with FMA.
    YMM(32, 16);

    private final int bytes;
    private final int registers;

    Width(int bytes, int registers) {
        this.bytes = bytes;
        this.registers = registers;
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
        return this == ZMM ? Assembler.zmm(number) : Assembler.ymm(number);
    }
}
