package org.wanda4j.model;

/// The function between the two halves of an MLP.
public enum Activation {
    SILU,
    RELU,
    /// With the error function.
    GELU,
    /// The approximation by tanh.
    GELU_TANH
}
