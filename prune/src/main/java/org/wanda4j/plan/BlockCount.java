package org.wanda4j.plan;

import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.method.Methods;
import org.wanda4j.model.Block;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.prune.Recipe;
import org.wanda4j.torch.TorchBlock;

/// Counts the work on a block, from the block's shape and the recipe alone.
///
/// @param pruned which linears are pruned; the others are run all the same
/// @param windows that are run; 0 for a method that goes by the weights alone
/// @param length tokens of a window
/// @param sum that is added to
record BlockCount(
        Recipe recipe, Predicate<Linear> pruned, int windows, int length, Map<Work, Double> sum) {

    /// Adds the work on `block`: windows go through it, its linears are pruned, what survives is trained.
    ///
    /// @param last whether nothing reads what the block gives, so that its last step is not computed
    void add(Block block, boolean last) {
        if (windows > 0) {
            boolean twice = recipe.order() == CalibrationOrder.BLOCK;
            forward(block, last ? 0 : 1, last || twice ? 1 : 0);
            statistics(block);
            // Three passes an epoch, for the way back takes twice the way forward; one for the
            // targets, one of the tuned block.
            recipe.tuning()
                    .ifPresent(tuning -> add(Work.TUNE, (3.0 * tuning.epochs() + 2) * pass(block)));
        }
        block.stages().forEach(this::select);
    }

    /// Adds a pass of the dense block that scores it for an allocation.
    void addSurvey(Block block) {
        forward(block, 1, 0);
        add(Work.NORMS, values(block));
        if (recipe.allocation().needed() == Statistic.GRAM) {
            // The method's own block may have none to measure their rate with; that of linears is
            // near.
            add(Work.LINEARS, gram(block));
        }
    }

    /// @param whole passes from the block's beginning to its end
    /// @param partial passes up to the last step
    private void forward(Block block, int whole, int partial) {
        int passes = whole + partial;
        add(Work.LOAD, (double) block.weights());
        add(Work.LINEARS, passes * linears(block) - partial * products(block, lastStages(block)));
        add(Work.ATTENTION, passes * attention(block));
        add(Work.ACTIVATIONS, passes * values(block));
    }

    private void statistics(Block block) {
        add(Work.NORMS, values(block));
        if (Methods.named(recipe.method()).needs() == Statistic.GRAM) {
            add(Work.GRAM, gram(block));
        }
    }

    /// Operations for the Gram matrices of all stages.
    private double gram(Block block) {
        return block.stages().stream()
                .mapToDouble(stage -> tokens(block, stage) * stage.width() * stage.width())
                .sum();
    }

    private void select(Stage stage) {
        var update = Methods.named(recipe.method()).update();
        List<Linear> chosen = stage.linears().stream().filter(pruned).toList();
        for (Linear linear : chosen) {
            add(Work.SCORE, (double) update.choices() * linear.weights());
            add(Work.UPDATE, update.operations(linear.outputs(), linear.inputs()));
        }
        if (!chosen.isEmpty()) {
            add(Work.UPDATE, update.sharedOperations(stage.width()));
        }
    }

    /// Operations of all windows going through the block once.
    double pass(Block block) {
        return linears(block) + attention(block);
    }

    private double linears(Block block) {
        double fixed = block.fixed().mapToDouble(Linear::weights).sum();
        return products(block, block.stages()) + 2.0 * windows * length * fixed;
    }

    private double products(Block block, List<Stage> stages) {
        return stages.stream()
                .mapToDouble(stage ->
                        2
                                * tokens(block, stage)
                                * stage.linears().stream().mapToDouble(Linear::weights).sum())
                .sum();
    }

    private double attention(Block block) {
        return windows * TorchBlock.attentionOperations(block, length);
    }

    /// Values that the linears of a block read, those that read the same counted once.
    private double values(Block block) {
        return block.stages().stream()
                .mapToDouble(stage -> tokens(block, stage) * stage.width())
                .sum();
    }

    private double tokens(Block block, Stage stage) {
        return (double) windows * length * block.shareOfTokens(stage);
    }

    private static List<Stage> lastStages(Block block) {
        Step last = block.steps().getLast();
        return last.stages();
    }

    private void add(Work work, double amount) {
        sum.merge(work, amount, Double::sum);
    }
}
