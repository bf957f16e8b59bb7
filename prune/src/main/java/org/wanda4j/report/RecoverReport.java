package org.wanda4j.report;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/// What a recovery did and what it cost. Serialised as it stands: `docs/json.md` documents the fields.
///
/// @param model the pruned model's directory
/// @param teacher the dense model's; none where the loss was that of the text
/// @param output the directory that was written
/// @param parameters values that were trained, those that stay zero included
/// @param sparsity fraction of the linears' weights that is zero in the output
/// @param steps of training
/// @param tokens that were trained on, a text that is gone through several times counted each time
/// @param learningRate of the optimiser at its peak
/// @param lossBefore mean loss of the held-out tokens at the start, in nats
/// @param lossAfter the lowest, which the output has
/// @param heldOut the held-out loss on the way, that at the start first
/// @param losses mean loss of the tokens of each step, before the step
/// @param tokensPerSecond trained on, evaluations and all else included
/// @param seconds from start to published output
/// @param phases seconds by phase
/// @param peakResidentBytes most memory that the process had resident
/// @param engine what computed: instruction set, type, threads
public record RecoverReport(
        String model,
        Optional<String> teacher,
        String output,
        long parameters,
        double sparsity,
        int steps,
        long tokens,
        double learningRate,
        double lossBefore,
        double lossAfter,
        List<HeldOut> heldOut,
        List<Double> losses,
        double tokensPerSecond,
        double seconds,
        Map<String, Double> phases,
        OptionalLong peakResidentBytes,
        String engine) {

    /// File of the output with everything that decided it.
    public static final String RECIPE = "wanda-recovery-recipe.json";

    /// File of the output with this report.
    public static final String FILE = "wanda-recovery-report.json";

    /// The loss on held-out windows after some steps.
    public record HeldOut(int steps, double loss) {}
}
