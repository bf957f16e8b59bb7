package org.wanda4j.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Restores the standard error that the launcher has replaced by a filter.
///
/// The JVM prints a line on the module of the Vector API whenever it starts, and has no option against it. The launcher
/// lets standard error pass through a filter for it, and hands the one that it was called with on as another descriptor.
/// From here on nothing passes through the filter.
final class StandardError {

    /// The system property with the number of the descriptor.
    private static final String PROPERTY = "wanda.stderr";

    private static final int STANDARD_ERROR = 2;

    private StandardError() {}

    /// Does nothing where the program was started without the launcher.
    @SuppressWarnings("restricted") // The functions take and give numbers.
    static void takeBack() {
        Integer descriptor = Integer.getInteger(PROPERTY);
        if (descriptor == null) {
            return;
        }
        Linker linker = Linker.nativeLinker();
        var number = ValueLayout.JAVA_LONG;
        try {
            var lookup = linker.defaultLookup();
            // The linker writes a class for each signature, which takes milliseconds. The runtime's
            // kernels have this one too; a function of fewer integers, or shorter ones, reads what
            // it takes of the registers.
            MethodHandle call =
                    linker.downcallHandle(
                            FunctionDescriptor.of(
                                    number, number, number, number, number, number, number));
            long from = descriptor;
            long to = STANDARD_ERROR;
            long _ = (long) call.invokeExact(lookup.findOrThrow("dup2"), from, to, 0L, 0L, 0L, 0L);
            long _ = (long) call.invokeExact(lookup.findOrThrow("close"), from, 0L, 0L, 0L, 0L, 0L);
        } catch (Throwable e) {
            throw new IllegalStateException("dup2", e);
        }
    }
}
