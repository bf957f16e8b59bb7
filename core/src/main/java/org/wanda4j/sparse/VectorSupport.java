package org.wanda4j.sparse;

import jdk.incubator.vector.FloatVector;

/// Whether this JVM runs the Vector API fast, found once. The choice of all kernels begins here.
///
/// @param bits width of a vector; 0 where scalar code is faster
/// @param description `Vector API, 256 bit`, or the reason for scalar code, with the flag that mends it where there is one
public record VectorSupport(int bits, String description) {

    private static final String MODULE = "jdk.incubator.vector";
    private static final int NARROWEST_BITS = 128;

    /// That of this JVM.
    public static VectorSupport current() {
        return Current.SUPPORT;
    }

    /// Whether kernels with the Vector API are to run.
    public boolean isAvailable() {
        return bits > 0;
    }

    private static VectorSupport find() {
        if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
            return new VectorSupport(0, "start java with --add-modules " + MODULE);
        }
        if (System.getProperty("java.vm.info", "").contains("emulated-client")) {
            return new VectorSupport(
                    0, "start java without -XX:TieredStopAtLevel, vectors need the C2 compiler");
        }
        int bits = Width.bits();
        return bits < NARROWEST_BITS
                ? new VectorSupport(
                        0, "the widest vector of this machine or JVM is " + bits + " bit")
                : new VectorSupport(bits, "Vector API, " + bits + " bit");
    }

    private static final class Current {
        static final VectorSupport SUPPORT = find();
    }

    /// A class of its own, as it links to a module that may be absent.
    private static final class Width {

        static int bits() {
            return FloatVector.SPECIES_PREFERRED.vectorBitSize();
        }
    }
}
