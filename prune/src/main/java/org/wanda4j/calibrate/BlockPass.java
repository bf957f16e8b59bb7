package org.wanda4j.calibrate;

import java.util.EnumMap;
import java.util.Map;
import java.util.function.BiConsumer;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.TorchBlock;

/// Takes every window of a store through one block, and looks at the inputs of its linears on the way.
public final class BlockPass {

    private final Engine engine;
    private final TorchBlock block;
    private final ActivationStore store;
    private final Statistic needed;
    private final Progress progress;

    /// @param needed what to find out about inputs; at least their norms are
    /// @param progress hears of tokens, a quarter for each stage of a block
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

    /// Brings every window to `stage`, where the one before was the last, and collects the statistics of its input.
    public InputStatistics advanceTo(Stage stage) {
        StageInputs inputs = inputs(stage);
        try {
            forEachBatch(
                    (index, batch) -> {
                        block.advanceTo(stage, batch);
                        inputs.collect(index, batch);
                        report(stage, store.tokensOf(index));
                    },
                    inputs::abandon);
            return inputs.statistics();
        } catch (RuntimeException | Error e) {
            inputs.close();
            throw e;
        }
    }

    /// Brings every window from the last stage to the block's end.
    public void finish() {
        forEachBatch((_, batch) -> block.finish(batch), () -> {});
    }

    /// Collects the statistics of every stage's input as the block is now, and leaves the hidden states as they are.
    /// The last linear is not computed: nothing reads its result.
    public Map<Stage, InputStatistics> observe() {
        Map<Stage, StageInputs> inputs = new EnumMap<>(Stage.class);
        for (Stage stage : Stage.values()) {
            inputs.put(stage, inputs(stage));
        }
        try {
            forEachBatch(
                    (index, batch) -> {
                        Batch copy = batch.copy();
                        for (Stage stage : Stage.values()) {
                            block.advanceTo(stage, copy);
                            inputs.get(stage).collect(index, copy);
                            report(stage, store.tokensOf(index));
                        }
                    },
                    () -> inputs.values().forEach(StageInputs::abandon));
            Map<Stage, InputStatistics> statistics = new EnumMap<>(Stage.class);
            inputs.forEach((stage, collected) -> statistics.put(stage, collected.statistics()));
            return statistics;
        } catch (RuntimeException | Error e) {
            inputs.values().forEach(StageInputs::close);
            throw e;
        }
    }

    private StageInputs inputs(Stage stage) {
        return new StageInputs(block, stage, store, needed, engine.threads());
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

    /// A stage is a quarter of a block; the last one takes what does not divide.
    private void report(Stage stage, long tokens) {
        long quarter = tokens / Stage.values().length;
        progress.advance(stage == Stage.DOWN ? tokens - 3 * quarter : quarter, stage.label());
    }

    private void forEachBatch(BiConsumer<Integer, Batch> work, Runnable onFailure) {
        engine.forEach(store.batches(), index -> work.accept(index, store.batch(index)), onFailure);
    }
}
