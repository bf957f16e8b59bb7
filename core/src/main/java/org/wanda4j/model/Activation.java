package org.wanda4j.model;

import org.wanda4j.checkpoint.InvalidInputException;

/// The function between the two halves of an MLP.
public enum Activation {
    SILU,
    RELU,
    /// With the error function.
    GELU,
    /// The approximation by tanh.
    GELU_TANH;

    /// The function that the entry `key` of a configuration names.
    ///
    /// @throws InvalidInputException when it is another
    public static Activation of(ModelConfig config, String key, String fallback) {
        String name = config.text(key, fallback);
        return switch (name) {
            case "silu", "swish" -> SILU;
            case "relu" -> RELU;
            case "gelu" -> GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast" -> GELU_TANH;
            default ->
                    throw config.invalid(
                            key,
                            "'" + name + "' is not supported (silu, relu, gelu, gelu_new are)");
        };
    }
}
