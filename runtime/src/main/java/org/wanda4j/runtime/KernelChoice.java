package org.wanda4j.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.wanda4j.sparse.Kernels;

/// The fastest [RowKernels] that this machine and JVM can run, chosen once.
final class KernelChoice {

    static final RowKernels BEST = choose();

    private static final int AVX_512 = 512;

    private KernelChoice() {}

    private static RowKernels choose() {
        Kernels known = Kernels.best();
        if (!known.vectorized()) {
            return new ScalarKernels(known.description().replaceFirst("^scalar: ", ""));
        }
        return known.vectorBits() == AVX_512 && expands() ? new WideKernels() : new VectorKernels();
    }

    /// Only Linux tells a program without native code.
    private static boolean expands() {
        try {
            return Files.readString(Path.of("/proc/cpuinfo")).contains("avx512_vbmi2");
        } catch (IOException e) {
            return false;
        }
    }
}
