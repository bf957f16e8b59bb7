package org.wanda4j.model;

import java.util.Optional;
import java.util.stream.Stream;

/// A normalisation over the last dimension: `n(x) * (weight + offset) + bias`.
///
/// @param kind what `n` is
/// @param width of the dimension
/// @param epsilon added to the mean square or the variance
/// @param weight name of a vector of `width`; all 1 where empty
/// @param bias name of a vector of `width`; all 0 where empty
/// @param offset added to each weight (Gemma: 1)
public record Norm(
        Kind kind,
        int width,
        double epsilon,
        Optional<String> weight,
        Optional<String> bias,
        float offset) {

    /// Which mean is taken.
    public enum Kind {
        /// `x / sqrt(mean(x^2) + epsilon)`
        RMS,
        /// `(x - mean) / sqrt(variance + epsilon)`
        LAYER
    }

    /// An RMS norm with a weight: `name.weight`.
    public static Norm rms(String name, int width, double epsilon) {
        return new Norm(
                Kind.RMS, width, epsilon, Optional.of(name + ".weight"), Optional.empty(), 0);
    }

    /// A layer norm with `name.weight` and `name.bias`.
    public static Norm layer(String name, int width, double epsilon) {
        return new Norm(
                Kind.LAYER,
                width,
                epsilon,
                Optional.of(name + ".weight"),
                Optional.of(name + ".bias"),
                0);
    }

    /// A layer norm that only centres and scales.
    public static Norm plainLayer(int width, double epsilon) {
        return new Norm(Kind.LAYER, width, epsilon, Optional.empty(), Optional.empty(), 0);
    }

    /// Names of its vectors.
    public Stream<String> tensors() {
        return Stream.concat(weight.stream(), bias.stream());
    }
}
