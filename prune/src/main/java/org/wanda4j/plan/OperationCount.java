package org.wanda4j.plan;

import java.util.List;
import java.util.Set;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.method.Method;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.plan.Workload.Operations;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.TorchBlock;

/// Counts what a run computes, block by block.
///
/// @param chosen linears that are pruned
/// @param tokens of all windows; 0 where none are run
record OperationCount(Recipe recipe, Set<Linear> chosen, long tokens) {

    /// How often windows go through a block.
    ///
    /// @param whole to its end
    /// @param withoutDown to its last linear, which is not computed
    private record Passes(int whole, int withoutDown) {

        static Passes of(CalibrationOrder order, boolean lastBlock) {
            boolean twice = order == CalibrationOrder.BLOCK;
            return lastBlock ? new Passes(0, 1) : new Passes(1, twice ? 1 : 0);
        }

        int all() {
            return whole + withoutDown;
        }
    }

    Operations of(List<Block> blocks) {
        Operations sum = Operations.NONE;
        for (int i = 0; i < blocks.size(); i++) {
            Block block = blocks.get(i);
            if (tokens > 0) {
                sum =
                        sum.plus(
                                calibration(
                                        block, Passes.of(recipe.order(), i == blocks.size() - 1)));
                sum = sum.plus(tuning(block));
            }
            if (recipe.allocation() != Allocation.UNIFORM) {
                sum = sum.plus(forward(block, new Passes(1, 0)));
            }
            for (Stage stage : block.stages()) {
                sum = sum.plus(pruning(stage));
            }
        }
        return sum;
    }

    private Operations calibration(Block block, Passes passes) {
        double gram = 0;
        if (method().needs() == Statistic.GRAM) {
            for (Stage stage : block.stages()) {
                double width = stage.width();
                gram += tokens * width * width;
            }
        }
        return forward(block, passes).plus(new Operations(0, 0, 0, 0, gram, 0, 0, 0, 0, 0));
    }

    /// Passes over a block that is loaded once and whose inputs are measured once.
    private Operations forward(Block block, Passes passes) {
        double all = Workload.weights(block.linears());
        double down = Workload.weights(SmallBlock.mlp(block).down());
        double measured = 0;
        for (Stage stage : block.stages()) {
            measured += (double) tokens * stage.width();
        }
        return new Operations(
                2.0 * tokens * (passes.all() * all - passes.withoutDown() * down),
                passes.all() * heads(block),
                passes.all() * tokens * WorkingSet.values(block),
                measured,
                0,
                0,
                0,
                0,
                all,
                0);
    }

    /// A pass of the dense block, one before training and one after; forward and back, which is twice forward, each epoch.
    private Operations tuning(Block block) {
        double pass = 2.0 * tokens * Workload.weights(block.linears()) + heads(block);
        double passes = recipe.tuning().map(it -> 3.0 * it.epochs() + 3).orElse(0.0);
        return new Operations(0, 0, 0, 0, 0, 0, 0, 0, 0, passes * pass);
    }

    private Operations pruning(Stage stage) {
        List<Linear> pruned = stage.linears().stream().filter(chosen::contains).toList();
        if (pruned.isEmpty()) {
            return Operations.NONE;
        }
        var update = method().update();
        return new Operations(
                0,
                0,
                0,
                0,
                0,
                update.sharedOperations(stage.width()),
                pruned.stream()
                        .mapToDouble(linear -> update.operations(linear.outputs(), linear.inputs()))
                        .sum(),
                (double) update.choices() * Workload.weights(pruned),
                0,
                0);
    }

    private double heads(Block block) {
        return TorchBlock.attentionOperations(block, recipe.sampling().seqlen().orElseThrow())
                * recipe.sampling().windows();
    }

    private Method method() {
        return Methods.named(recipe.method());
    }
}
