package org.wanda4j.torch;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// The C library's heap, which libtorch allocates from. glibc keeps what is freed, in a pool for each thread that ever
/// allocated: without [#trim()] several runs in one process would need the sum of what each kept.
final class NativeHeap {

    @SuppressWarnings("restricted") // The function takes and gives an int.
    private static final Optional<MethodHandle> TRIM =
            Linker.nativeLinker()
                    .defaultLookup()
                    .find("malloc_trim")
                    .map(function ->
                            Linker.nativeLinker()
                                    .downcallHandle(
                                            function,
                                            FunctionDescriptor.of(
                                                    ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG)));

    private NativeHeap() {}

    /// Gives what is free back to the system, where the C library can.
    static void trim() {
        TRIM.ifPresent(function -> {
            try {
                int _ = (int) function.invokeExact(0L);
            } catch (Throwable e) {
                throw new IllegalStateException("malloc_trim", e);
            }
        });
    }
}
