package org.wanda4j.calibrate;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TorchBlock.Measured;

/// Takes every window of a store through one block, and sums up the inputs of its linears on the way.
public final class BlockPass {

    private final Engine engine;
    private final TorchBlock block;
    private final ActivationStore store;
    private final Statistic needed;
    private final Progress progress;

    /// @param needed what to find out about inputs; at least their norms are
    /// @param progress is told of tokens, of each step a share
    public BlockPass(
            Engine engine,
            TorchBlock block,
            ActivationStore store,
            Statistic needed,
            Progress progress) {
        this.engine = engine;
        this.block = block;
        this.store = store;
        this.needed = needed;
        this.progress = progress;
    }

    /// The steps of the block.
    public List<Step> steps() {
        return block.steps();
    }

    /// Brings every window to `step`, where the one before was the last, and collects the statistics of its stages' inputs.
    public Map<Stage, InputStatistics> advanceTo(Step step) {
        return collect(List.of(step), batch -> batch);
    }

    /// Brings every window from the last step to the block's end.
    public void finish() {
        forEachBatch((_, batch) -> block.finish(batch), () -> {});
    }

    /// Collects the statistics of every stage's input as the block is now, and leaves the hidden states as they are.
    /// The last linears are not computed: nothing reads their result.
    public Map<Stage, InputStatistics> observe() {
        return collect(block.steps(), Batch::copy);
    }

    /// @param taken what goes through the steps, given a batch of the store
    private Map<Stage, InputStatistics> collect(List<Step> steps, UnaryOperator<Batch> taken) {
        Map<Stage, StageSums> inputs = new LinkedHashMap<>();
        for (Step step : steps) {
            for (Stage stage : step.stages()) {
                inputs.put(
                        stage,
                        StageSums.of(stage.width(), engine.type(), needed, engine.threads()));
            }
        }
        try {
            forEachBatch(
                    (index, stored) -> {
                        Batch batch = taken.apply(stored);
                        for (Step step : steps) {
                            block.advanceTo(step, batch);
                            for (Stage stage : step.stages()) {
                                measure(stage, index, batch, inputs.get(stage));
                            }
                            report(step, store.tokensOf(index));
                        }
                    },
                    () -> inputs.values().forEach(StageSums::abandon));
            Map<Stage, InputStatistics> statistics = new LinkedHashMap<>();
            inputs.forEach((stage, collected) -> statistics.put(stage, collected.statistics()));
            return statistics;
        } catch (RuntimeException | Error e) {
            inputs.values().forEach(StageSums::close);
            throw e;
        }
    }

    private void measure(Stage stage, int index, Batch batch, StageSums sums) {
        Measured measured = block.measure(stage, batch, index, sums.products(), false);
        sums.add(store.firstWindow(index), measured.tokens(), measured.squares());
    }

    /// Takes every window through the whole block.
    public void forward() {
        forEachBatch(
                (index, batch) -> {
                    block.forward(batch);
                    progress.advance(store.tokensOf(index), "forward");
                },
                () -> {});
    }

    /// Each step counts as much as any other; the last one takes what does not divide.
    private void report(Step step, long tokens) {
        int steps = block.steps().size();
        long part = tokens / steps;
        boolean last = step.equals(block.steps().getLast());
        progress.advance(last ? tokens - (steps - 1) * part : part, step.label());
    }

    private void forEachBatch(BiConsumer<Integer, Batch> work, Runnable onFailure) {
        engine.forEach(store.batches(), index -> work.accept(index, store.batch(index)), onFailure);
    }
}
