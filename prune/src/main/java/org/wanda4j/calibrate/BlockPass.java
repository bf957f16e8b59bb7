package org.wanda4j.calibrate;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TorchBlock.Measured;

/// Takes every window of a store through one block, round after round, and sums up the inputs of its linears on the way:
///
/// ```
/// for each round: collect it, then replace linears of its stages
/// complete
/// ```
public final class BlockPass {

    private final Engine engine;
    private final TorchBlock block;
    private final ActivationStore store;
    private final CalibrationOrder order;
    private final Statistic needed;
    private final Progress progress;

    /// @param needed what to find out about inputs; at least their norms are
    /// @param progress is told of tokens, of each step a share
    public BlockPass(
            Engine engine,
            TorchBlock block,
            ActivationStore store,
            CalibrationOrder order,
            Statistic needed,
            Progress progress) {
        this.engine = engine;
        this.block = block;
        this.store = store;
        this.order = order;
        this.needed = needed;
        this.progress = progress;
    }

    /// The steps that are collected at once, in the order of the computation.
    public List<List<Step>> rounds() {
        return order.rounds(block.steps());
    }

    /// Brings every window to the last of `steps`, and sums up what their stages read. With [CalibrationOrder#BLOCK] that is a
    /// copy of the hidden states, and the last linears are not computed: nothing reads their result.
    ///
    /// @param steps the next round
    public StageStatistics collect(List<Step> steps) {
        SequencedMap<Stage, StageSums> sums = new LinkedHashMap<>();
        for (Step step : steps) {
            for (Stage stage : step.stages()) {
                sums.put(
                        stage,
                        StageSums.of(stage.width(), engine.type(), needed, engine.threads()));
            }
        }
        try {
            engine.forEach(
                    store.batches(),
                    index -> collect(steps, index, sums),
                    () -> sums.values().forEach(StageSums::abandon));
            SequencedMap<Stage, InputStatistics> statistics = new LinkedHashMap<>();
            sums.forEach((stage, sum) -> statistics.put(stage, sum.statistics()));
            return new StageStatistics(statistics);
        } catch (RuntimeException | Error e) {
            sums.values().forEach(StageSums::close);
            throw e;
        }
    }

    private void collect(List<Step> steps, int index, SequencedMap<Stage, StageSums> sums) {
        Batch stored = store.batch(index);
        Batch batch = order.keepsStages() ? stored : stored.copy();
        for (Step step : steps) {
            block.advanceTo(step, batch);
            for (Stage stage : step.stages()) {
                StageSums sum = sums.get(stage);
                Measured measured = block.measure(stage, batch, index, sum.products(), false);
                sum.add(store.firstWindow(index), measured.tokens(), measured.squares());
            }
            report(step, store.tokensOf(index));
        }
    }

    /// Takes every window to the block's end, through its linears as they are now.
    public void complete() {
        switch (order) {
            case STAGE ->
                    engine.forEach(store.batches(), index -> block.finish(store.batch(index)));
            case BLOCK -> store.forward(engine, block, progress);
        }
    }

    /// Each step counts as much as any other; the last one takes what does not divide.
    private void report(Step step, long tokens) {
        int steps = block.steps().size();
        long part = tokens / steps;
        boolean last = step.equals(block.steps().getLast());
        progress.advance(last ? tokens - (steps - 1) * part : part, step.label());
    }
}
