package org.wanda4j.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
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

    private static final List<Candidate> FASTEST_FIRST = find(ProcessorFeatures.current());

    private KernelChoice() {}

    /// Kernels that run here, and the instructions that they use.
    record Choice(InstructionSet instructions, RowKernels kernels) {}

    /// Kernels that may run here, made when they are first asked for.
    private static final class Candidate {

        private final InstructionSet instructions;
        private final Supplier<Optional<RowKernels>> maker;
        private Optional<Optional<Choice>> made = Optional.empty();

        /// @param maker gives none where they do not run
        Candidate(InstructionSet instructions, Supplier<Optional<RowKernels>> maker) {
            this.instructions = instructions;
            this.maker = maker;
        }

        synchronized Optional<Choice> choice() {
            if (made.isEmpty()) {
                made = Optional.of(maker.get().map(kernels -> new Choice(instructions, kernels)));
            }
            return made.get();
        }
    }

    /// All that run here within the limit of this process, the fastest first.
    static List<Choice> runnable() {
        return running().toList();
    }

    private static Stream<Choice> running() {
        InstructionSet limit = InstructionSet.limit();
        return FASTEST_FIRST.stream()
                .filter(each -> each.instructions.compareTo(limit) <= 0)
                .flatMap(each -> each.choice().stream());
    }

    /// The fastest within the limit of this process.
    static RowKernels best() {
        return running().findFirst().orElseThrow().kernels();
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

    private static List<Candidate> find(Set<String> features) {
        VectorSupport vectors = VectorSupport.current();
        List<Candidate> slowestFirst = new ArrayList<>();
        RowKernels last =
                new ScalarKernels(vectors.isAvailable() ? "a twin" : vectors.description());
        slowestFirst.add(candidate(InstructionSet.SCALAR, last));
        if (vectors.isAvailable()) {
            last = new VectorKernels();
            slowestFirst.add(candidate(InstructionSet.VECTOR, last));
        }
        RowKernels narrow = last;
        if (vectors.bits() == AVX_512 && features.containsAll(WideKernels.FEATURES)) {
            last = new WideKernels();
            slowestFirst.add(candidate(InstructionSet.AVX512, last));
        }
        RowKernels wide = last;
        slowestFirst.add(
                new Candidate(InstructionSet.AVX2, () -> MachineKernels.avx2(features, narrow)));
        slowestFirst.add(
                new Candidate(InstructionSet.AVX512, () -> MachineKernels.avx512(features, wide)));
        return List.copyOf(slowestFirst.reversed());
    }

    private static Candidate candidate(InstructionSet instructions, RowKernels kernels) {
        return new Candidate(instructions, () -> Optional.of(kernels));
    }
}
