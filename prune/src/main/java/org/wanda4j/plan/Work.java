package org.wanda4j.plan;

import java.util.Locale;

/// The kinds of work in a run, each done at a rate of its own. A multiplication and an addition are two operations.
public enum Work {
    /// Text that the model writes: tokens.
    TEXT("text", "tokens"),
    /// Opening the tokenizer and encoding calibration text: tokens.
    TOKENIZE("tokenize", "tokens"),
    /// Reading weights in the type that is computed in.
    LOAD("load", "weights"),
    /// Products of activations and weights.
    LINEARS("linears", "FLOP"),
    /// Products of queries and keys, and of what comes of them and values.
    ATTENTION("attention", "FLOP"),
    /// Norms, sums and activation functions: values that linears read.
    ACTIVATIONS("activations", "values"),
    /// Sums of squares of what linears read.
    NORMS("statistics", "values"),
    /// Gram matrices of what linears read.
    GRAM("statistics", "FLOP"),
    /// Scores, and the choice by them: weights, each as often as it is scored.
    SCORE("select", "weights"),
    /// Factors of Gram matrices, and new values for the weights that stay.
    UPDATE("select", "FLOP"),
    /// Training what survives, forward and back.
    TUNE("tune", "FLOP"),
    /// The digest of the model's files.
    HASH("hash", "B"),
    /// The output.
    WRITE("write", "B");

    private final String phase;
    private final String unit;

    Work(String phase, String unit) {
        this.phase = phase;
        this.unit = unit;
    }

    /// The phase of a run's report that its time belongs to.
    public String phase() {
        return phase;
    }

    /// What it is counted in.
    public String unit() {
        return unit;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
