package org.wanda4j.report;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/// What a run did and what it cost. Serialised as it stands: `docs/json.md` documents the fields.
///
/// @param model the input directory
/// @param output the directory that was written
/// @param method name of the method
/// @param pattern `unstructured` or N:M
/// @param sparsityAsked fraction of each linear's weights to remove
/// @param sparsity fraction of the pruned linears' weights that is zero now
/// @param parameters weights of the pruned linears
/// @param blocks block by block, front to back
/// @param seconds from start to published output
/// @param phases seconds by phase
/// @param calibrationTokens tokens that the statistics were taken over
/// @param peakResidentBytes most memory that the process had resident
/// @param activations where the activation store lay, `memory` or `file`, or `none`
/// @param engine what computed: instruction set, type, threads
/// @param kernels what selected
/// @param notes other remarks on the run, one sentence each
public record PruneReport(
        String model,
        String output,
        String method,
        String pattern,
        double sparsityAsked,
        double sparsity,
        long parameters,
        List<BlockReport> blocks,
        double seconds,
        Map<String, Double> phases,
        long calibrationTokens,
        OptionalLong peakResidentBytes,
        String activations,
        String engine,
        String kernels,
        List<String> notes) {

    /// One block.
    ///
    /// @param index from 0
    /// @param sparsity over its pruned linears
    /// @param inputs of its stages, where statistics were collected
    /// @param tuned what training made of it, where it was trained
    public record BlockReport(
            int index,
            double sparsity,
            List<LinearReport> linears,
            List<InputReport> inputs,
            Optional<TuneReport> tuned) {

        /// The block made of `linears`.
        public static BlockReport of(
                int index,
                List<LinearReport> linears,
                List<InputReport> inputs,
                Optional<TuneReport> tuned) {
            return new BlockReport(
                    index, sparsityOf(linears), List.copyOf(linears), List.copyOf(inputs), tuned);
        }
    }

    /// The input channels of a stage.
    ///
    /// @param stage its label
    /// @param tokens of the calibration windows that reached it: an expert sees those that are routed to it
    /// @param median of the channels' norms
    /// @param largest of them
    /// @param channel that has it
    public record InputReport(
            String stage, long tokens, double median, double largest, int channel) {

        /// What the `norms` of the channels come to.
        public static InputReport of(String stage, long tokens, float[] norms) {
            float[] sorted = norms.clone();
            Arrays.sort(sorted);
            int channel = 0;
            for (int j = 0; j < norms.length; j++) {
                channel = norms[j] > norms[channel] ? j : channel;
            }
            return new InputReport(
                    stage, tokens, sorted[sorted.length / 2], norms[channel], channel);
        }
    }

    /// What training a block came to: mean squared differences from the dense model's hidden states after the block, each
    /// token in units of the dense state's mean square, on held-out windows.
    ///
    /// @param epochs after which training ended
    public record TuneReport(double errorBefore, double errorAfter, int epochs) {}

    /// One pruned linear.
    ///
    /// @param removed weights that the method chose
    /// @param zeros weights that are zero now, those that were zero before and those that the file's type rounds to zero
    ///     included
    public record LinearReport(
            String name, int outputs, int inputs, long removed, long zeros, double sparsity) {

        /// The linear with `zeros` of its weights zero.
        public static LinearReport of(
                String name, int outputs, int inputs, long removed, long zeros) {
            return new LinearReport(
                    name, outputs, inputs, removed, zeros, zeros / ((double) outputs * inputs));
        }

        long parameters() {
            return (long) outputs * inputs;
        }
    }

    /// Weights of `linears`.
    public static long parametersOf(List<LinearReport> linears) {
        return linears.stream().mapToLong(LinearReport::parameters).sum();
    }

    /// Fraction of the weights of `linears` that is zero; 0 for none.
    public static double sparsityOf(List<LinearReport> linears) {
        long zeros = linears.stream().mapToLong(LinearReport::zeros).sum();
        return linears.isEmpty() ? 0 : zeros / (double) parametersOf(linears);
    }
}
