package org.wanda4j.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;

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
        var number = ValueLayout.JAVA_INT;
        try {
            var lookup = linker.defaultLookup();
            int _ =
                    (int)
                            linker.downcallHandle(
                                            lookup.findOrThrow("dup2"),
                                            FunctionDescriptor.of(number, number, number))
                                    .invokeExact((int) descriptor, STANDARD_ERROR);
            int _ =
                    (int)
                            linker.downcallHandle(
                                            lookup.findOrThrow("close"),
                                            FunctionDescriptor.of(number, number))
                                    .invokeExact((int) descriptor);
        } catch (Throwable e) {
            throw new IllegalStateException("dup2", e);
        }
    }
}
