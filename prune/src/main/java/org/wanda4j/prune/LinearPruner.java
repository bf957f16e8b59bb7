package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.ChannelPermutation;
import org.wanda4j.method.ChannelPermutation.PermutableChannels;
import org.wanda4j.method.Method;
import org.wanda4j.method.PruneTask;
import org.wanda4j.method.PrunedLinear;
import org.wanda4j.model.Linear;
import org.wanda4j.report.Phases;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Rounding;

/// Prunes linears of a checkpoint by one method.
///
/// @param patterns of the linears to be pruned; the others stay dense
/// @param type that windows are computed in
record LinearPruner(
        Checkpoint source,
        Method method,
        Map<Linear, SparsityPattern> patterns,
        ComputeType type,
        int threads,
        Phases phases) {

    /// A linear that was pruned.
    ///
    /// @param written its matrix in the checkpoint's type
    /// @param computed the same before it was rounded to that, where the windows go on in fp32
    /// @param mask which weights were removed
    record Pruned(TensorView written, TensorView computed, Mask mask) {}

    boolean prunes(Linear linear) {
        return patterns.containsKey(linear);
    }

    /// How the input channels of `linear` are to be permuted, where they are.
    ///
    /// @param matrix of the linear
    /// @param channels those that may be
    Optional<ChannelPermutation> permutation(
            Linear linear,
            TensorView matrix,
            PermutableChannels channels,
            InputStatistics statistics) {
        if (!method.importance().permutesChannels()
                || method.needs() == Statistic.GRAM
                || !(patterns.get(linear) instanceof NofM(int n, int m))
                || n == 0
                || channels.size() % m != 0
                || !channels.writers().stream().allMatch(this::prunes)) {
            return Optional.empty();
        }
        checkFinite(linear, statistics);
        return Optional.of(
                phases.time(
                        "select",
                        () ->
                                ChannelPermutation.of(
                                        channels,
                                        method.importance().score(matrix, statistics),
                                        m)));
    }

    /// Prunes a linear, and rounds what comes of it to the checkpoint's type.
    ///
    /// @param matrix of the linear, its channels in the order of the statistics
    /// @param memory for the pruned matrix
    Pruned prune(Linear linear, TensorView matrix, InputStatistics statistics, Arena memory) {
        checkFinite(linear, statistics);
        DType updated = type == ComputeType.FP32 ? DType.F32 : matrix.type();
        var task =
                new PruneTask(matrix, statistics, patterns.get(linear), updated, threads, memory);
        PrunedLinear pruned = phases.time("select", () -> prune(task));
        TensorView written =
                pruned.weight().type() == matrix.type()
                        ? pruned.weight()
                        : Rounding.to(matrix.type(), pruned.weight(), memory);
        return new Pruned(written, pruned.weight(), pruned.mask());
    }

    private PrunedLinear prune(PruneTask task) {
        try {
            return method.prune(task);
        } catch (ArithmeticException e) {
            throw new InvalidInputException(
                    "%s: %s; use --method wanda, which inverts nothing, or more calibration text"
                            .formatted(task.weight().name(), e.getMessage()),
                    e);
        }
    }

    private void checkFinite(Linear linear, InputStatistics statistics) {
        for (float norm : statistics.norms()) {
            if (!Float.isFinite(norm)) {
                throw new InvalidInputException(
                        "%s: the inputs of %s are not finite; some weight before it is broken, or too large for the type"
                                .formatted(source.directory(), linear.name()));
            }
        }
    }
}
