package org.wanda4j.runtime.internal.x86;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// A function of machine code for Linux on x86-64, with the calling convention of System V. What else the system decides is here alone. Its memory cannot be written any more, and
/// is freed when the process ends.
///
/// A function does not check bounds: its caller does.
@SuppressWarnings("restricted")
final class MachineCode {

    private static final int PROT_READ = 1;
    private static final int PROT_WRITE = 2;
    private static final int PROT_EXEC = 4;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_ANONYMOUS = 0x20;

    private static final Linker LINKER = Linker.nativeLinker();

    /// Of up to six integers, in as many registers. The linker writes a class for each signature, which takes milliseconds, so that all
    /// functions of integers share this: one of fewer reads fewer registers, and one of 32 bits their lower halves.
    private static final MethodHandle OF_INTEGERS =
            LINKER.downcallHandle(
                    FunctionDescriptor.of(
                            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                            JAVA_LONG));

    private static final MethodHandle OF_VECTORS =
            LINKER.downcallHandle(
                    FunctionDescriptor.of(
                            JAVA_FLOAT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_FLOAT),
                    Linker.Option.critical(true));
    private static final MemorySegment MMAP = LINKER.defaultLookup().findOrThrow("mmap");
    private static final MemorySegment MPROTECT = LINKER.defaultLookup().findOrThrow("mprotect");

    private final MemorySegment code;

    /// @throws IllegalStateException where the system gives no memory for code
    MachineCode(byte[] code) {
        long length = code.length;
        long address =
                call(MMAP, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (address == -1) {
            throw new IllegalStateException("no memory for code");
        }
        this.code = MemorySegment.ofAddress(address).reinterpret(length);
        this.code.copyFrom(MemorySegment.ofArray(code));
        if ((int) call(MPROTECT, address, length, PROT_READ | PROT_EXEC, 0, 0, 0) != 0) {
            throw new IllegalStateException("the system does not let memory become code");
        }
    }

    /// Calls a function of one integer.
    void call(long a) {
        call(a, 0, 0, 0, 0);
    }

    /// Calls a function of at most five integers.
    void call(long a, long b, long c, long d, long e) {
        long _ = call(code, a, b, c, d, e, 0);
    }

    private static long call(
            MemorySegment function, long a, long b, long c, long d, long e, long f) {
        try {
            return (long) OF_INTEGERS.invokeExact(function, a, b, c, d, e, f);
        } catch (Throwable t) {
            throw unchecked(t);
        }
    }

    /// Calls a function on vectors, which may lie on the heap; it must be short, as the garbage collector waits for it.
    float call(MemorySegment a, MemorySegment b, MemorySegment c, long count, float number) {
        try {
            return (float) OF_VECTORS.invokeExact(code, a, b, c, count, number);
        } catch (Throwable t) {
            throw unchecked(t);
        }
    }

    private static RuntimeException unchecked(Throwable e) {
        return switch (e) {
            case RuntimeException known -> known;
            case Error error -> throw error;
            default -> new IllegalStateException(e);
        };
    }
}
