package org.wanda4j.report;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/// The most memory that this process ever had resident: heap, native memory and mapped files together.
public final class PeakMemory {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private PeakMemory() {}

    /// The peak since start or [#reset()], in bytes; empty where the system does not tell.
    public static OptionalLong bytes() {
        try {
            return status("VmHWM:");
        } catch (IOException e) {
            return fromResourceUsage();
        }
    }

    /// What is resident now, in bytes; empty where the system does not tell.
    public static OptionalLong resident() {
        try {
            return status("VmRSS:");
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    private static OptionalLong status(String key) throws IOException {
        try (var lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(key))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                    .findFirst();
        }
    }

    /// Starts a new measurement where the system can; elsewhere the peak stays that of the whole process. What an earlier
    /// run left on the heap is collected first, so as not to count for the next one.
    public static void reset() {
        System.gc();
        try {
            Files.writeString(CLEAR, "5");
        } catch (IOException e) {
            // The documented fallback.
        }
    }

    /// `ru_maxrss` of getrusage: bytes on macOS, KiB elsewhere.
    @SuppressWarnings("restricted") // The one native call of this module that is not libtorch's.
    static OptionalLong fromResourceUsage() {
        var linker = Linker.nativeLinker();
        var function = linker.defaultLookup().find("getrusage");
        if (function.isEmpty()) {
            return OptionalLong.empty();
        }
        var signature =
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment usage = arena.allocate(256, 8);
            int failed =
                    (int) linker.downcallHandle(function.get(), signature).invokeExact(0, usage);
            long largest = usage.get(ValueLayout.JAVA_LONG, 32);
            boolean bytes = System.getProperty("os.name").startsWith("Mac");
            return failed == 0
                    ? OptionalLong.of(bytes ? largest : largest << 10)
                    : OptionalLong.empty();
        } catch (Throwable e) {
            throw new IllegalStateException("getrusage", e);
        }
    }
}
