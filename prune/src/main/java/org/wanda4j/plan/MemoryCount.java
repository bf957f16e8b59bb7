package org.wanda4j.plan;

import java.util.List;
import java.util.Set;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.method.Method;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.plan.Workload.Memory;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.TorchBlock;

/// Counts what a run holds in memory at its peak.
///
/// @param chosen linears that are pruned
/// @param tokens of all windows; 0 where none are run
record MemoryCount(
        Subject subject, Recipe recipe, RunSettings settings, Set<Linear> chosen, long tokens) {

    private static final long PAGE = 4096;

    Memory count() {
        return tokens > 0 ? calibrated() : byWeightsAlone();
    }

    private Memory calibrated() {
        ActivationStore.Layout layout = layout();
        long streams = recipe.tuning().isPresent() ? 2 * layout.statesAlone().bytes() : 0;
        Block block = widest();
        return new Memory(
                layout.bytes() + streams,
                layout.bytes() > settings.activationMemory(),
                embedding(),
                mapped(block),
                pruned(block) + converted(block),
                WorkingSet.bytes(block, layout, method().needs(), settings.threads()),
                method().needs() == Statistic.GRAM ? gram(block) : 0,
                recipe.tuning().isPresent()
                        ? Math.max(update(), WorkingSet.training(block, layout, settings.threads()))
                        : update());
    }

    /// One linear after the other.
    private Memory byWeightsAlone() {
        long largest = chosen.stream().mapToLong(Workload::weights).max().orElse(0);
        long bytes = largest * subject.stored().bytes();
        return new Memory(0, false, 0, bytes, bytes, 0, 0, update());
    }

    private Block widest() {
        List<Block> blocks = subject.architecture().blocks();
        return blocks.stream()
                .max((a, b) ->
                        Long.compare(Workload.weights(a.linears()), Workload.weights(b.linears())))
                .orElseThrow();
    }

    private long mapped(Block block) {
        return Workload.weights(block.linears()) * subject.stored().bytes();
    }

    private long pruned(Block block) {
        return prunedWeights(block) * subject.stored().bytes();
    }

    /// Where types differ, the weights as they were and as they are now, in the type that is computed in.
    private long converted(Block block) {
        var type = recipe.type().orElseThrow();
        DType same =
                switch (type) {
                    case FP32 -> DType.F32;
                    case BF16 -> DType.BF16;
                };
        return subject.stored() == same
                ? 0
                : (Workload.weights(block.linears()) + prunedWeights(block)) * type.bytes();
    }

    private long prunedWeights(Block block) {
        return Workload.weights(block.linears().stream().filter(chosen::contains).toList());
    }

    private ActivationStore.Layout layout() {
        return new ActivationStore.Layout(
                recipe.sampling().windows(),
                recipe.sampling().seqlen().orElseThrow(),
                subject.architecture().hidden(),
                TorchBlock.stageWidth(subject.architecture()),
                recipe.order().keepsStages(),
                recipe.type().orElseThrow());
    }

    /// A row that is looked up brings a page at least.
    private long embedding() {
        long row = (long) subject.architecture().embedding().width() * subject.stored().bytes();
        return Math.min(subject.architecture().vocabulary() * row, tokens * Math.max(row, PAGE));
    }

    /// The sum; a product for each thread, then what a method makes of the sum, in fp64 and from that in fp32. `block` keeps
    /// those of all stages.
    private long gram(Block block) {
        long largest = 0;
        long all = 0;
        for (Stage stage : block.stages()) {
            long square = (long) stage.width() * stage.width() * Float.BYTES;
            largest = Math.max(largest, square);
            all += square;
        }
        long kept = recipe.order() == CalibrationOrder.BLOCK ? all : largest;
        return kept + Math.max(settings.threads() * kept, 3 * largest);
    }

    private long update() {
        return chosen.stream()
                .mapToLong(linear ->
                        method().update().copies() * Workload.weights(linear) * Float.BYTES)
                .max()
                .orElse(0);
    }

    private Method method() {
        return Methods.named(recipe.method());
    }
}
