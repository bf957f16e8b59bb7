package org.wanda4j.prune;

import java.io.Serializable;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.TensorCopy;
import org.wanda4j.calibrate.Workers;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.Methods;
import org.wanda4j.method.PrunedLinear;
import org.wanda4j.report.Phases;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Gram;

/// A linear to be pruned by another process, as [LinearPruner] prunes it.
///
/// @param model directory of the checkpoint, on a path that all see
/// @param method its name
/// @param weight where the matrix lies in it
/// @param type that windows are computed in
/// @param inputs statistics of its stage
record LinearTask(
        String model,
        String method,
        MatrixView weight,
        SparsityPattern pattern,
        ComputeType type,
        Workers.Shared<InputStatistics.Copy> inputs)
        implements Serializable {

    /// What became of it.
    ///
    /// @param mask [Mask#toBytes()]
    /// @param hardened [Gram#hardened()]; 0 where that is empty
    record Result(TensorCopy weight, byte[] mask, double hardened) implements Serializable {

        /// @param memory that outlives it
        PrunedLinear pruned(Arena memory) {
            TensorView view = weight.view(memory);
            return new PrunedLinear(view, Mask.of(view.rows(), view.columns(), mask));
        }
    }

    Result prune(RunSettings settings) {
        try (Engine _ = settings.engine(type); // One thread for each call of its libraries.
                Checkpoint source = Checkpoint.open(Path.of(model));
                Arena memory = Arena.ofShared();
                InputStatistics statistics = inputs.get().statistics(type)) {
            var pruner =
                    new LinearPruner(
                            source,
                            Methods.named(method),
                            Map.of(),
                            type,
                            settings.threads(),
                            settings.device(),
                            new Phases(),
                            Optional.empty());
            PrunedLinear pruned =
                    pruner.apply(source.map(weight, memory), statistics, pattern, memory);
            return new Result(
                    TensorCopy.of(pruned.weight()),
                    pruned.mask().toBytes(),
                    statistics.gramMatrix().flatMap(Gram::hardened).orElse(0.0));
        }
    }
}
