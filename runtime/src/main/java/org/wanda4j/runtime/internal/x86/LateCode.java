package org.wanda4j.runtime.internal.x86;

import java.util.function.Supplier;

/// A function that is assembled at its first use: few of those that there are serve one model.
final class LateCode {

    private final Supplier<byte[]> writer;
    private volatile MachineCode made;

    /// @param writer gives the function's code
    LateCode(Supplier<byte[]> writer) {
        this.writer = writer;
    }

    MachineCode code() {
        MachineCode known = made;
        return known == null ? make() : known;
    }

    private synchronized MachineCode make() {
        if (made == null) {
            made = new MachineCode(writer.get());
        }
        return made;
    }
}
