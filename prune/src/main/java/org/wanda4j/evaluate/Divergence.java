package org.wanda4j.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// How far the predictions of a model are from those of a reference, at every position that perplexity is measured at.
///
/// @param reference its directory
/// @param mean of `KL(reference || model)` over the positions, in nats
/// @param percentile99 the least divergence that 99 % of the positions do not exceed
/// @param sameChoice share of the positions at which both find the same token the most likely
public record Divergence(String reference, double mean, double percentile99, double sameChoice) {

    private static final double PERCENTILE = 0.99;

    /// @param windows divergences of the positions of each, in nats; at least one
    /// @param same how many positions have the same most likely token
    static Divergence of(String reference, List<float[]> windows, long same) {
        double[] sorted =
                windows.stream()
                        .flatMapToDouble(window ->
                                IntStream.range(0, window.length).mapToDouble(i -> window[i]))
                        .sorted()
                        .toArray();
        int rank = (int) Math.ceil(PERCENTILE * sorted.length);
        return new Divergence(
                reference,
                Arrays.stream(sorted).sum() / sorted.length,
                sorted[rank - 1],
                same / (double) sorted.length);
    }
}
