package org.wanda4j.plan;

import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.TorchBlock;

/// Bytes that a run has resident at its peak.
///
/// @param program the process before a block is loaded, as measured
/// @param activations the activation stores
/// @param activationsInFile whether they are mapped files: then they count as page cache and can leave memory
/// @param embedding rows of the table that are looked up, mapped; before the first block
/// @param weights a block's weights as they lie in their file, mapped
/// @param block those and all else that a block needs, as measured
public record Memory(
        long program,
        long activations,
        boolean activationsInFile,
        long embedding,
        long weights,
        long block) {

    private static final long PAGE = 4096;

    /// All of it that is there at once.
    public long peak() {
        return program + activations + Math.max(embedding, block);
    }

    /// The part of [#peak()] that the system may drop and read again.
    public long pageCache() {
        return (activationsInFile ? activations : 0) + weights;
    }

    static Memory of(
            ModelFootprint model, Recipe recipe, RunSettings settings, CostBenchmark.Costs costs) {
        Block block = model.largestBlock();
        long weights = block.weights() * model.stored().bytes();
        if (!recipe.needsCalibration()) {
            return new Memory(costs.programBytes(), 0, false, 0, weights, costs.blockBytes());
        }
        ActivationStore.Layout layout = layout(model.architecture(), recipe);
        // What tuning carries along: the dense model's states behind each branch, and those before
        // the block at hand.
        long states =
                recipe.tuning().isPresent()
                        ? (1 + block.states()) * layout.statesAlone().bytes()
                        : 0;
        return new Memory(
                costs.programBytes(),
                layout.bytes() + states,
                layout.bytes() > settings.scratchMemory(),
                embedding(model, (long) layout.windows() * layout.length()),
                weights,
                costs.blockBytes());
    }

    private static ActivationStore.Layout layout(Architecture architecture, Recipe recipe) {
        return new ActivationStore.Layout(
                recipe.sampling().windows(),
                recipe.sampling().seqlen().orElseThrow(),
                architecture.hidden(),
                TorchBlock.stageWidth(architecture),
                recipe.order().keepsStages(),
                recipe.type().orElseThrow());
    }

    /// A row that is looked up brings a page at least.
    private static long embedding(ModelFootprint model, long tokens) {
        Architecture architecture = model.architecture();
        long row = (long) architecture.embedding().width() * model.stored().bytes();
        return Math.min(architecture.vocabulary() * row, tokens * Math.max(row, PAGE));
    }
}
