package org.wanda4j.prune;

import org.wanda4j.calibrate.Statistic;

/// A named way to prune.
///
/// @param name as the command line and the recipe spell it
/// @param formula its score, what that is compared with, and what becomes of the rest; in one line
/// @param importance scores the weights
/// @param selection picks those to remove by their scores
/// @param update removes them
/// @param source who published it
public record Method(
        String name,
        String formula,
        Importance importance,
        Selection selection,
        WeightUpdate update,
        String source) {

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
