package org.wanda4j.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;
import org.wanda4j.runtime.internal.kernels.VectorKernels;
import org.wanda4j.runtime.internal.kernels.WideKernels;
import org.wanda4j.runtime.internal.x86.MachineKernels;
import org.wanda4j.sparse.VectorSupport;

/// The [RowKernels] of this machine and JVM. Whatever decodes is handed kernels; they are chosen here alone.
final class KernelChoice {

    /// All that run here, the fastest first.
    static final List<RowKernels> RUNNABLE = runnable();

    static final RowKernels BEST = RUNNABLE.getFirst();

    private static final int AVX_512 = 512;

    private KernelChoice() {}

    private static List<RowKernels> runnable() {
        VectorSupport vectors = VectorSupport.current();
        Set<String> features = cpuFeatures();
        List<RowKernels> slowestFirst = new ArrayList<>();
        slowestFirst.add(
                new ScalarKernels(vectors.isAvailable() ? "a twin" : vectors.description()));
        if (vectors.isAvailable()) {
            slowestFirst.add(new VectorKernels());
        }
        if (vectors.bits() == AVX_512 && features.containsAll(WideKernels.FEATURES)) {
            slowestFirst.add(new WideKernels());
        }
        MachineKernels.create(features, slowestFirst.getLast()).ifPresent(slowestFirst::add);
        return List.copyOf(slowestFirst.reversed());
    }

    /// Features of the first processor, as Linux names them. Elsewhere none: Java cannot find them without native code.
    private static Set<String> cpuFeatures() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("flags"))
                    .findFirst()
                    .map(line -> Set.of(line.replaceFirst(".*:", "").strip().split("\\s+")))
                    .orElse(Set.of());
        } catch (IOException e) {
            return Set.of();
        }
    }
}
