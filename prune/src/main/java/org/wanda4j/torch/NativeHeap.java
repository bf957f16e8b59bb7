package org.wanda4j.torch;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// The C library's heap, which libtorch allocates from. glibc keeps what is freed, in a pool for each thread that ever
/// allocated: without [#trim()] several runs in one process would need the sum of what each kept.
public final class NativeHeap {

    /// From this size on, in bytes, glibc takes an allocation from the system and gives it back when it is freed; with smaller
    /// ones it begins at 128 KiB and adapts.
    public static final long LARGEST_KEPT = 1 << 25;

    private static final int M_MMAP_THRESHOLD = -3;

    private static final Optional<MethodHandle> TRIM =
            function("malloc_trim", ValueLayout.JAVA_LONG);
    private static final Optional<MethodHandle> OPTION =
            function("mallopt", ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);

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

    /// From which size on, in bytes, an allocation is given back when it is freed, where the C library can be told. It no longer
    /// adapts then.
    public static void keepBelow(long size) {
        OPTION.ifPresent(function -> {
            try {
                int _ = (int) function.invokeExact(M_MMAP_THRESHOLD, (int) size);
            } catch (Throwable e) {
                throw new IllegalStateException("mallopt", e);
            }
        });
    }

    /// A function of the C library that gives an int.
    @SuppressWarnings("restricted") // Numbers in, a number out.
    private static Optional<MethodHandle> function(String name, MemoryLayout... arguments) {
        var linker = Linker.nativeLinker();
        return linker.defaultLookup()
                .find(name)
                .map(function ->
                        linker.downcallHandle(
                                function, FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments)));
    }
}
