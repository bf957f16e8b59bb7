package org.wanda4j.model;

import java.util.Optional;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.MatrixView;

/// `y = x W^T + b`: what is pruned as one matrix.
///
/// @param name what a user calls it: the module's, where it is one
/// @param inputs columns of `W`
/// @param outputs rows of `W`
/// @param weight where `W` lies, outputs x inputs
/// @param bias where `b` lies, outputs x 1, where it has one
public record Linear(
        String name, int inputs, int outputs, MatrixView weight, Optional<MatrixView> bias) {

    /// A module of its own: `name.weight`, outputs x inputs, and `name.bias`.
    public static Linear of(String name, int inputs, int outputs, boolean bias) {
        return new Linear(
                name,
                inputs,
                outputs,
                MatrixView.whole(name + ".weight", outputs, inputs),
                bias ? Optional.of(MatrixView.vector(name + ".bias", outputs)) : Optional.empty());
    }

    /// Number of weights.
    public long weights() {
        return (long) inputs * outputs;
    }

    /// The matrix and, where there is one, the bias.
    public Stream<MatrixView> views() {
        return Stream.concat(Stream.of(weight), bias.stream());
    }
}
