package org.wanda4j.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.ScalarKernels;
import org.wanda4j.runtime.internal.kernels.VectorKernels;
import org.wanda4j.runtime.internal.kernels.WideKernels;
import org.wanda4j.runtime.internal.x86.MachineKernels;
import org.wanda4j.sparse.ProcessorFeatures;
import org.wanda4j.sparse.VectorSupport;

/// The [RowKernels] of this machine and JVM. Whatever decodes is handed kernels that were chosen here.
final class KernelChoice {

    private static final int AVX_512 = 512;

    private static final List<Choice> FASTEST_FIRST = find(ProcessorFeatures.current());

    private KernelChoice() {}

    /// Kernels that run here, and the instructions that they use.
    record Choice(InstructionSet instructions, RowKernels kernels) {}

    /// All that run here within the limit of this process, the fastest first.
    static List<Choice> runnable() {
        InstructionSet limit = InstructionSet.limit();
        return FASTEST_FIRST.stream()
                .filter(each -> each.instructions().compareTo(limit) <= 0)
                .toList();
    }

    /// The fastest within the limit of this process.
    static RowKernels best() {
        return runnable().getFirst().kernels();
    }

    /// The fastest of those that use `instructions`.
    ///
    /// @throws InvalidInputException when this process runs none
    static RowKernels best(InstructionSet instructions) {
        return runnable().stream()
                .filter(each -> each.instructions() == instructions)
                .findFirst()
                .orElseThrow(() ->
                        new InvalidInputException(
                                "kernels for %s do not run here: choose one of %s"
                                        .formatted(
                                                instructions,
                                                runnable().stream()
                                                        .map(Choice::instructions)
                                                        .distinct()
                                                        .toList())))
                .kernels();
    }

    /// What zeros gain with the fastest kernels by so many threads, in words.
    static String gainOfZeros(int threads) {
        List<String> faster = new ArrayList<>();
        List<String> dense = new ArrayList<>();
        for (ValueType type : List.of(ValueType.BF16, ValueType.INT8, ValueType.INT4)) {
            var half = new MappedMatrix(1, Long.SIZE, type, 0, 0, 1, 1, 0.5);
            Optional<ValueType> copy = best().denseType(half, threads);
            (copy.isEmpty() ? faster : dense).add(type.label());
        }
        return Stream.of(
                        faster.isEmpty()
                                ? ""
                                : "zeros make %s faster".formatted(String.join(", ", faster)),
                        dense.isEmpty()
                                ? ""
                                : "%s laid out dense".formatted(String.join(", ", dense)))
                .filter(each -> !each.isEmpty())
                .collect(Collectors.joining("; "));
    }

    private static List<Choice> find(Set<String> features) {
        VectorSupport vectors = VectorSupport.current();
        List<Choice> slowestFirst = new ArrayList<>();
        RowKernels last =
                new ScalarKernels(vectors.isAvailable() ? "a twin" : vectors.description());
        slowestFirst.add(new Choice(InstructionSet.SCALAR, last));
        if (vectors.isAvailable()) {
            last = new VectorKernels();
            slowestFirst.add(new Choice(InstructionSet.VECTOR, last));
        }
        RowKernels narrow = last;
        if (vectors.bits() == AVX_512 && features.containsAll(WideKernels.FEATURES)) {
            last = new WideKernels();
            slowestFirst.add(new Choice(InstructionSet.AVX512, last));
        }
        MachineKernels.avx2(features, narrow)
                .ifPresent(kernels -> slowestFirst.add(new Choice(InstructionSet.AVX2, kernels)));
        MachineKernels.avx512(features, last)
                .ifPresent(kernels -> slowestFirst.add(new Choice(InstructionSet.AVX512, kernels)));
        return List.copyOf(slowestFirst.reversed());
    }
}
