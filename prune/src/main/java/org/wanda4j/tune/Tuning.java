package org.wanda4j.tune;

import org.wanda4j.checkpoint.InvalidInputException;

/// How the weights that survive are trained, block by block.
///
/// @param epochs most passes over the calibration windows
/// @param learningRate of Adam at the start; it falls to 0 along half a cosine
public record Tuning(int epochs, double learningRate) {

    /// Three epochs from 3e-4.
    public static final Tuning DEFAULT = new Tuning(3, 3e-4);

    /// Three epochs from 1e-3.
    public static final Tuning FASTER = new Tuning(3, 1e-3);

    /// Checks the ranges.
    public Tuning {
        if (epochs < 1 || !(learningRate > 0 && learningRate < 1)) {
            throw new InvalidInputException(
                    "tuning needs at least 1 epoch and a learning rate between 0 and 1, got %d and %s"
                            .formatted(epochs, learningRate));
        }
    }
}
