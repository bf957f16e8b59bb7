package org.wanda4j.calibrate;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Gram;

/// Statistics of the inputs of a linear, made of [StageSums]. Valid until it is closed.
///
/// @param norms `||X_j||_2` of each input channel, finite and >= 0; shared, not copied. Empty when not collected.
/// @param ablationNorms the same with window k weighted by `2 / k`: a quirk of the published ablations
/// @param tokens that the statistics were taken over; 0 when nothing was collected, or an expert saw none
/// @param gramMatrix where it was collected
public record InputStatistics(
        float[] norms, float[] ablationNorms, long tokens, Optional<Gram> gramMatrix)
        implements AutoCloseable {

    /// Statistics on the heap, on their way to another process.
    ///
    /// @param panels of the Gram matrix, as [Gram#panels()]; none where it was not collected
    public record Copy(float[] norms, float[] ablationNorms, long tokens, List<float[]> panels)
            implements Serializable {

        /// The same statistics, to be closed by the caller.
        ///
        /// @param type of the inputs
        public InputStatistics statistics(ComputeType type) {
            return new InputStatistics(
                    norms,
                    ablationNorms,
                    tokens,
                    panels.isEmpty()
                            ? Optional.empty()
                            : Optional.of(Gram.of(panels, norms.length, type)));
        }
    }

    /// A copy that can be sent.
    public Copy copy() {
        return new Copy(
                norms, ablationNorms, tokens, gramMatrix.map(Gram::panels).orElse(List.of()));
    }

    /// Of the inputs of all windows.
    ///
    /// @param gram mean over the windows, where it was collected
    public static InputStatistics of(WindowSums windows, Optional<Gram> gram) {
        return new InputStatistics(
                windows.norms(), windows.ablationNorms(), windows.tokens(), gram);
    }

    /// For an importance that needs none.
    public static InputStatistics none() {
        return new InputStatistics(new float[0], new float[0], 0, Optional.empty());
    }

    /// For a linear that no token reached: all channels count alike, so that a weight's size alone decides.
    ///
    /// @param width channels of the input
    public static InputStatistics uniform(int width, Statistic needed, ComputeType type) {
        float[] ones = new float[width];
        Arrays.fill(ones, 1);
        return new InputStatistics(
                ones,
                ones,
                0,
                needed == Statistic.GRAM
                        ? Optional.of(Gram.identity(width, type))
                        : Optional.empty());
    }

    /// The Gram matrix.
    ///
    /// @throws IllegalStateException when [Statistic#GRAM] was not collected
    public Gram gram() {
        return gramMatrix.orElseThrow(
                () -> new IllegalStateException("the Gram matrix was not collected"));
    }

    @Override
    public void close() {
        gramMatrix.ifPresent(Gram::close);
    }
}
