package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Linear;
import org.wanda4j.prune.ChannelOrder.Places;
import org.wanda4j.report.Phases;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Rounding;

/// Prunes linears of a checkpoint by one method, and writes them.
///
/// @param patterns of the linears to be pruned; the others stay dense
/// @param type that windows are computed in
record LinearPruner(
        Checkpoint source,
        CheckpointWriter writer,
        Method method,
        Map<Linear, SparsityPattern> patterns,
        ComputeType type,
        int threads,
        Phases phases) {

    /// A linear that was pruned.
    ///
    /// @param written its matrix in the checkpoint's type
    /// @param computed the same before it was rounded to that, where the windows go on in fp32
    record Pruned(TensorView written, TensorView computed, LinearReport report) {}

    boolean prunes(Linear linear) {
        return patterns.containsKey(linear);
    }

    /// In which order `linear` is to have its input channels, where not in its own.
    ///
    /// @param matrix of the linear
    /// @param places where they may change them
    Optional<ChannelOrder> order(
            Linear linear, TensorView matrix, Places places, InputStatistics statistics) {
        if (!method.importance().ordersChannels()
                || method.needs() == Statistic.GRAM
                || !(patterns.get(linear) instanceof NofM(int n, int m))
                || n == 0
                || places.size() % m != 0
                || !places.writers().stream().allMatch(this::prunes)) {
            return Optional.empty();
        }
        checkFinite(linear, statistics);
        return Optional.of(
                phases.time(
                        "select",
                        () ->
                                ChannelOrder.of(
                                        places, method.importance().score(matrix, statistics), m)));
    }

    /// Scores, selects, removes and has the result written.
    ///
    /// @param matrix of the linear, its channels in the order of the statistics
    /// @param memory for the pruned matrix, until that is written
    Pruned prune(Linear linear, TensorView matrix, InputStatistics statistics, Arena memory) {
        checkFinite(linear, statistics);
        var task =
                new WeightUpdate.Task(
                        matrix,
                        statistics,
                        method.importance(),
                        method.selection(),
                        patterns.get(linear),
                        type == ComputeType.FP32 ? DType.F32 : matrix.type(),
                        threads,
                        memory);
        TensorView computed = phases.time("select", () -> update(task));
        TensorView written =
                computed.type() == matrix.type()
                        ? computed
                        : Rounding.to(matrix.type(), computed, memory);
        writer.write(linear.weight(), written.data());
        return new Pruned(
                written,
                computed,
                LinearReport.of(
                        linear.name(),
                        linear.outputs(),
                        linear.inputs(),
                        SparsityProfile.zeros(written).count()));
    }

    private TensorView update(WeightUpdate.Task task) {
        try {
            return method.update().apply(task);
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
