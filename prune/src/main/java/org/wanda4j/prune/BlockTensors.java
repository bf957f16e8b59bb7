package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Linear;
import org.wanda4j.report.PruneReport.LinearReport;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.Mask;

/// The tensors of a block while it is pruned: those that have new values, with the masks of its pruned linears, and the
/// checkpoint's. New values are written to the output.
final class BlockTensors {

    private final Checkpoint source;
    private final CheckpointWriter writer;
    private final Arena memory;
    private final Map<MatrixView, TensorView> changed = new HashMap<>();
    private final Map<Linear, Mask> masks = new LinkedHashMap<>();

    /// @param memory that outlives this, for the checkpoint's tensors
    BlockTensors(Checkpoint source, CheckpointWriter writer, Arena memory) {
        this.source = source;
        this.writer = writer;
        this.memory = memory;
    }

    /// A matrix or vector as it is now, in the checkpoint's type.
    TensorView get(MatrixView view) {
        return changed.containsKey(view) ? changed.get(view) : source.map(view, memory);
    }

    /// Gives a matrix or vector new values.
    ///
    /// @param value in the checkpoint's type, in memory that stays until it is written
    void put(MatrixView view, TensorView value) {
        changed.put(view, value);
        writer.write(view, value.data());
    }

    /// Gives a linear's matrix new values.
    ///
    /// @param mask which of them were removed
    void put(Linear linear, TensorView value, Mask mask) {
        put(linear.weight(), value);
        putMask(linear, mask);
    }

    /// Gives a linear another mask: its rows were permuted.
    void putMask(Linear linear, Mask mask) {
        masks.put(linear, mask);
    }

    /// Whether any linear was pruned.
    boolean isPruned() {
        return !masks.isEmpty();
    }

    /// Which weights of a linear were removed; empty where it was not pruned.
    Optional<Mask> mask(Linear linear) {
        return Optional.ofNullable(masks.get(linear));
    }

    /// Masks of the pruned linears, by where their matrices lie, in the order of [#reports()].
    Map<MatrixView, Mask> masks() {
        Map<MatrixView, Mask> byView = new LinkedHashMap<>();
        masks.forEach((linear, mask) -> byView.put(linear.weight(), mask));
        return byView;
    }

    /// What became of each pruned linear, in the order in which they were pruned.
    List<LinearReport> reports() {
        return masks.entrySet().stream()
                .map(entry -> {
                    Linear linear = entry.getKey();
                    return LinearReport.of(
                            linear.name(),
                            linear.outputs(),
                            linear.inputs(),
                            entry.getValue().count(),
                            SparsityProfile.zeros(get(linear.weight())).count());
                })
                .toList();
    }
}
