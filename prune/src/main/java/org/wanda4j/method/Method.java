package org.wanda4j.method;

import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.Device;

/// A named way to prune.
///
/// @param name as the command line and the recipe spell it
/// @param formula its score, what that is compared with, and what becomes of the rest; in one line
/// @param importance scores the weights
/// @param selection picks those to remove by their scores
/// @param update gives those that stay new values
/// @param source who published it
public record Method(
        String name,
        String formula,
        Importance importance,
        Selection selection,
        WeightUpdate update,
        String source) {

    /// Prunes a linear.
    ///
    /// @throws ArithmeticException when the statistics do not determine the update
    /// @throws InvalidInputException when the linear's weights are not finite, or the pattern does not fit its shape
    public PrunedLinear prune(PruneTask task) {
        return switch (update) {
            case MaskedUpdate masked -> {
                Scores scores = importance.score(task.weight(), task.statistics());
                Mask mask = selection.select(scores, task.pattern(), task.threads());
                TensorView weight = masked.apply(task, mask);
                yield new PrunedLinear(weight, mask);
            }
            case IterativeUpdate iterative -> iterative.prune(task, importance, selection);
        };
    }

    /// Prunes a linear by operations of a device, as far as it has those that the method needs.
    ///
    /// @throws ArithmeticException when the statistics do not determine the update
    /// @throws InvalidInputException when the linear's weights are not finite, or the pattern does not fit its shape
    public PrunedLinear prune(PruneTask task, Device device) {
        return device.isHost() || !DevicePruning.does(this)
                ? prune(task)
                : DevicePruning.prune(this, task, device);
    }

    /// What calibration has to collect for it.
    public Statistic needs() {
        return importance.needs().and(update.needs());
    }

    /// What it takes, in a few words.
    public String cost() {
        return switch (needs()) {
            case NONE -> "reads the weights";
            case INPUT_NORMS -> "one forward";
            case GRAM -> "one forward, Gram matrices, " + update.cost();
        };
    }
}
