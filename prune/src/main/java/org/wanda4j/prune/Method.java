package org.wanda4j.prune;

import org.wanda4j.calibrate.Statistic;

/// A named way to prune.
///
/// @param name as the command line and the recipe spell it
/// @param formula its score and what that is compared with, in one line
/// @param importance scores the weights
/// @param selection picks those to remove by their scores
/// @param update removes them
public record Method(
        String name,
        String formula,
        Importance importance,
        Selection selection,
        WeightUpdate update) {

    /// What calibration has to collect for it.
    public Statistic needs() {
        return importance.needs().and(update.needs());
    }
}
