package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.StageStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.ChannelPermutation;
import org.wanda4j.method.ChannelPermutation.PermutableChannels;
import org.wanda4j.method.Method;
import org.wanda4j.method.PruneTask;
import org.wanda4j.method.PrunedLinear;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.report.Phases;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.NofM;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Device;
import org.wanda4j.torch.Rounding;

/// Prunes linears of a checkpoint by one method.
///
/// @param patterns of the linears to be pruned; the others stay dense
/// @param type that windows are computed in
/// @param device where linears are pruned, but for what methods there have no operations for
/// @param workers that prune linears too, by a method with Gram matrices: any other takes no time
record LinearPruner(
        Checkpoint source,
        Method method,
        Map<Linear, SparsityPattern> patterns,
        ComputeType type,
        int threads,
        Device device,
        Phases phases,
        Optional<Workers> workers) {

    boolean prunes(Linear linear) {
        return patterns.containsKey(linear);
    }

    /// Bytes that the masks of `blocks` take in the journal.
    long maskBytes(List<Block> blocks) {
        return blocks.stream()
                .flatMap(block -> block.linears().stream())
                .filter(this::prunes)
                .mapToLong(linear -> Mask.bytes(linear.outputs(), linear.inputs()))
                .sum();
    }

    /// Has the workers prune what they can of a round before [#prune] gives it its place.
    ///
    /// @param statistics of the round's stages
    /// @param memory that outlives the result
    PrunedAhead pruneAhead(StageStatistics statistics, Arena memory) {
        return workers.filter(_ -> method.needs() == Statistic.GRAM)
                .map(it ->
                        phases.time("select", () -> PrunedAhead.by(it, this, statistics, memory)))
                .orElse(PrunedAhead.NOTHING);
    }

    /// A linear of the checkpoint, to be pruned by another process.
    ///
    /// @param inputs statistics of its stage
    LinearTask task(Linear linear, Workers.Shared<InputStatistics.Copy> inputs) {
        return new LinearTask(
                source.directory().toAbsolutePath().toString(),
                method.name(),
                linear.weight(),
                patterns.get(linear),
                type,
                inputs);
    }

    /// Prunes a linear of `block`, its input channels permuted where the method permutes them.
    ///
    /// @param stage of the linear
    /// @param statistics of the stage's input
    /// @param ahead what workers pruned
    /// @param tensors of the block; the linear's is replaced
    /// @param memory that outlives the result
    /// @return the matrix that the windows go on with: its channels in the order of the block, and not rounded to the
    ///     checkpoint's type where windows are computed in fp32
    TensorView prune(
            Block block,
            Stage stage,
            Linear linear,
            InputStatistics statistics,
            PrunedAhead ahead,
            BlockTensors tensors,
            Arena memory) {
        checkFinite(linear, statistics);
        TensorView matrix = tensors.get(linear.weight());
        Optional<ChannelPermutation> permutation =
                PermutableChannels.of(block, stage)
                        .flatMap(channels -> permutation(linear, matrix, channels, statistics));
        TensorView permuted = permutation.map(it -> it.columns(matrix, memory)).orElse(matrix);
        PrunedLinear pruned =
                ahead.of(linear)
                        .orElseGet(() ->
                                apply(
                                        permuted,
                                        permutation
                                                .map(it -> it.apply(statistics))
                                                .orElse(statistics),
                                        patterns.get(linear),
                                        memory));
        tensors.put(linear, rounded(pruned.weight(), matrix.type(), memory), pruned.mask());
        permutation.ifPresent(it -> permuteRows(it, tensors, memory));
        return permutation.map(it -> it.original(pruned.weight(), memory)).orElse(pruned.weight());
    }

    /// Applies the method to a matrix.
    ///
    /// @param statistics of its inputs
    /// @param memory that outlives the result
    PrunedLinear apply(
            TensorView matrix, InputStatistics statistics, SparsityPattern pattern, Arena memory) {
        DType newType = type == ComputeType.FP32 ? DType.F32 : matrix.type();
        var task = new PruneTask(matrix, statistics, pattern, newType, threads, memory);
        try {
            return phases.time("select", () -> method.prune(task, device));
        } catch (ArithmeticException e) {
            throw new InvalidInputException(
                    "%s: %s; use --method wanda, which inverts nothing, or more calibration text"
                            .formatted(matrix.name(), e.getMessage()),
                    e);
        }
    }

    private static TensorView rounded(TensorView weight, DType type, Arena memory) {
        return weight.type() == type ? weight : Rounding.to(type, weight, memory);
    }

    /// How the input channels of a linear are to be permuted, where they are.
    ///
    /// @param channels those that may be
    private Optional<ChannelPermutation> permutation(
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
        return Optional.of(
                phases.time(
                        "select",
                        () ->
                                ChannelPermutation.of(
                                        channels,
                                        method.importance().score(matrix, statistics),
                                        m)));
    }

    /// Permutes the rows that compute permuted channels.
    private static void permuteRows(
            ChannelPermutation permutation, BlockTensors tensors, Arena memory) {
        for (Linear linear : permutation.writers()) {
            linear.views()
                    .forEach(
                            view -> tensors.put(view, permutation.rows(tensors.get(view), memory)));
            tensors.mask(linear).ifPresent(mask -> tensors.putMask(linear, permutation.rows(mask)));
        }
    }

    /// @throws InvalidInputException when inputs of the linear are not finite
    void checkFinite(Linear linear, InputStatistics statistics) {
        for (float norm : statistics.norms()) {
            if (!Float.isFinite(norm)) {
                throw new InvalidInputException(
                        "%s: the inputs of %s are not finite; some weight before it is broken, or too large for the type"
                                .formatted(source.directory(), linear.name()));
            }
        }
    }
}
