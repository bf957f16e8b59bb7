package org.wanda4j.prune;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.KeptStates;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Linear;
import org.wanda4j.report.PruneReport.TuneReport;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Rounding;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.tune.BlockTuner;

/// Trains what survives in each pruned block towards the hidden states of the dense model, which it computes block by block.
final class BlockTuning implements AutoCloseable {

    private final Recipe recipe;
    private final LinearPruner linears;
    private final Engine engine;

    /// Hidden states of the pruned model; shared with the pruner.
    private final ActivationStore store;

    /// Hidden states of the dense model.
    private final ActivationStore dense;

    /// Hidden states of the dense model within the block at hand, behind each of its branches but the last.
    private final List<ActivationStore> within = new ArrayList<>();

    /// Hidden states of the pruned model before the block at hand.
    private final ActivationStore inputs;

    /// @param states most that a block goes through
    BlockTuning(
            Recipe recipe, LinearPruner linears, Engine engine, ActivationStore store, int states) {
        this.recipe = recipe;
        this.linears = linears;
        this.engine = engine;
        this.store = store;
        List<ActivationStore> copies = new ArrayList<>();
        try {
            while (copies.size() < 1 + states) {
                copies.add(store.copy());
            }
        } catch (RuntimeException | Error e) {
            copies.forEach(ActivationStore::close);
            throw e;
        }
        this.dense = copies.removeFirst();
        this.inputs = copies.removeFirst();
        this.within.addAll(copies);
    }

    /// The hidden states that the next block needs: those of the pruned model, and of the dense one.
    KeptStates states() {
        return KeptStates.of(List.of(store, dense));
    }

    /// Takes the dense model through a block that is not pruned yet, and keeps what the pruned model gives it.
    ///
    /// @param block description of the loaded one
    void begin(LoadedBlock loaded, Block block, Progress progress) {
        linears.phases()
                .time(
                        "dense",
                        () ->
                                engine.forEach(
                                        dense.batches(),
                                        i -> {
                                            forward(loaded.torch(), block, i);
                                            progress.advance(dense.tokensOf(i), "forward");
                                        }));
        inputs.copyStates(store);
    }

    /// Takes a batch of the dense model's through a block, and keeps its states on the way.
    private void forward(TorchBlock torch, Block block, int index) {
        Batch batch = dense.batch(index);
        for (Step step : torch.steps()) {
            torch.advanceTo(step, batch);
            if (step.index() == 0 && step.branch() > 0 && !block.parallel()) {
                within.get(step.branch() - 1).batch(index).copyStates(batch);
            }
        }
        torch.finish(batch);
    }

    /// The dense model's hidden states behind each branch of a block.
    private List<ActivationStore> targets(Block block) {
        List<ActivationStore> targets = new ArrayList<>(within.subList(0, block.states() - 1));
        targets.add(dense);
        return targets;
    }

    /// Trains what survives, and takes the windows through the block again.
    ///
    /// @param block description of the loaded one
    /// @param tensors of the pruned block; receives better values
    TuneReport tune(LoadedBlock loaded, Block block, BlockTensors tensors, Progress progress) {
        return linears.phases().time("tune", () -> train(loaded, block, tensors, progress));
    }

    private TuneReport train(
            LoadedBlock loaded, Block block, BlockTensors tensors, Progress progress) {
        Set<MatrixView> leftDense = leftDense(block);
        Map<MatrixView, TensorView> best = new HashMap<>();
        TuneReport report =
                new BlockTuner(engine, inputs, targets(block), progress)
                        .tune(
                                block,
                                tensors::get,
                                view -> !leftDense.contains(view),
                                tensors.masks(),
                                recipe.tuning().orElseThrow(),
                                recipe.sampling().seed() + loaded.index(),
                                best,
                                loaded.memory());
        best.keySet().removeAll(leftDense);
        best.forEach((view, value) -> {
            DType type = linears.source().info(view.tensor()).type();
            tensors.put(view, Rounding.to(type, value, loaded.memory()));
        });
        if (!best.isEmpty() && !loaded.isLast()) {
            store.copyStates(inputs);
            int length = store.layout().length();
            try (var tuned =
                    new TorchBlock(block, tensors::get, engine.type(), length, engine.device())) {
                store.forward(engine, tuned, progress);
            }
        }
        return report;
    }

    /// Matrices and biases of linears that the recipe leaves alone.
    private Set<MatrixView> leftDense(Block block) {
        return block.linears().stream()
                .filter(linear -> !linears.prunes(linear))
                .flatMap(Linear::views)
                .collect(Collectors.toSet());
    }

    @Override
    public void close() {
        dense.close();
        inputs.close();
        within.forEach(ActivationStore::close);
    }
}
