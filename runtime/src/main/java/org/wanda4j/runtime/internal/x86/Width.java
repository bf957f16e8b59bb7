package org.wanda4j.runtime.internal.x86;

import org.wanda4j.runtime.internal.x86.GeneralAssembler.Vector;

/// How wide the vectors of a function are, and which instructions it may use.
enum Width {
    /// 512 bits, AVX-512 with BF16 and VNNI.
    ZMM(64),
    /// 256 bits, AVX2 with FMA.
    YMM(32);

    private final int bytes;

    Width(int bytes) {
        this.bytes = bytes;
    }

    /// Of a vector.
    int bytes() {
        return bytes;
    }

    /// A vector register.
    Vector vector(int number) {
        return this == ZMM ? Assembler.zmm(number) : Assembler.ymm(number);
    }
}
