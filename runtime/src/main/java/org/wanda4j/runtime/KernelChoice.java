package org.wanda4j.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.wanda4j.runtime.x86.MachineCode;
import org.wanda4j.sparse.Kernels;

/// The [RowKernels] that this machine and JVM can run.
final class KernelChoice {

    /// The fastest first.
    static final List<RowKernels> RUNNABLE = runnable();

    static final RowKernels BEST = RUNNABLE.getFirst();

    private static final int AVX_512 = 512;

    private KernelChoice() {}

    private static List<RowKernels> runnable() {
        Kernels known = Kernels.best();
        List<RowKernels> kernels = new ArrayList<>();
        String reason = known.vectorized() ? "a twin" : known.description();
        kernels.add(new ScalarKernels(reason.replaceFirst("^scalar: ", "")));
        if (known.vectorized()) {
            kernels.add(new VectorKernels());
        }
        Set<String> features = features();
        if (known.vectorBits() == AVX_512 && features.containsAll(WideKernels.FEATURES)) {
            kernels.add(new WideKernels());
        }
        if (MachineCode.isPossible() && features.containsAll(MachineKernels.FEATURES)) {
            machine(kernels.getLast()).ifPresent(kernels::add);
        }
        return List.copyOf(kernels.reversed());
    }

    /// Nothing on a system that lets no memory become code.
    private static Optional<RowKernels> machine(RowKernels others) {
        try {
            return Optional.of(new MachineKernels(others));
        } catch (IllegalStateException e) {
            return Optional.empty();
        }
    }

    /// Of the first processor, as Linux names them; only Linux tells a program without native code.
    private static Set<String> features() {
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
