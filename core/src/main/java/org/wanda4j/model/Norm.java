package org.wanda4j.model;

import java.util.List;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.MatrixView;

/// A normalisation over the last dimension: `n(x) * (weight + offset) + bias`.
///
/// @param kind what `n` is
/// @param width of the dimension
/// @param span channels that are normed together: all, or those of a head
/// @param epsilon added to the mean square or the variance
/// @param weight where its `width` values lie, one view behind the other; all are 1 where there is none
/// @param bias where its `width` values lie, likewise; all are 0 where there is none
/// @param offset added to each weight (Gemma: 1)
public record Norm(
        Kind kind,
        int width,
        int span,
        double epsilon,
        List<MatrixView> weight,
        List<MatrixView> bias,
        float offset) {

    /// Which mean is taken.
    public enum Kind {
        /// `x / sqrt(mean(x^2) + epsilon)`
        RMS,
        /// `(x - mean) / sqrt(variance + epsilon)`
        LAYER
    }

    /// Copies the lists.
    public Norm {
        weight = List.copyOf(weight);
        bias = List.copyOf(bias);
    }

    /// An RMS norm with a weight: `name.weight`.
    public static Norm rms(String name, int width, double epsilon) {
        return rms(name, width, epsilon, 0);
    }

    /// An RMS norm that multiplies by `name.weight` and an offset.
    public static Norm rms(String name, int width, double epsilon, float offset) {
        return new Norm(
                Kind.RMS,
                width,
                width,
                epsilon,
                vector(name + ".weight", width),
                List.of(),
                offset);
    }

    /// A layer norm with `name.weight` and `name.bias`.
    public static Norm layer(String name, int width, double epsilon) {
        return new Norm(
                Kind.LAYER,
                width,
                width,
                epsilon,
                vector(name + ".weight", width),
                vector(name + ".bias", width),
                0);
    }

    /// A layer norm with `name.weight` and no bias.
    public static Norm unbiasedLayer(String name, int width, double epsilon) {
        return new Norm(
                Kind.LAYER, width, width, epsilon, vector(name + ".weight", width), List.of(), 0);
    }

    /// A layer norm that only centres and scales.
    public static Norm plainLayer(int width, double epsilon) {
        return new Norm(Kind.LAYER, width, width, epsilon, List.of(), List.of(), 0);
    }

    /// A layer norm for each of several heads, without biases.
    ///
    /// @param size width of a head
    /// @param weight where the heads' weights lie, one behind the other
    public static Norm layerByHead(int heads, int size, double epsilon, List<MatrixView> weight) {
        return new Norm(Kind.LAYER, heads * size, size, epsilon, weight, List.of(), 0);
    }

    private static List<MatrixView> vector(String name, int width) {
        return List.of(MatrixView.vector(name, width));
    }

    /// Where its values lie.
    public Stream<MatrixView> views() {
        return Stream.concat(weight.stream(), bias.stream());
    }
}
