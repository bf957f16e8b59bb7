package org.wanda4j.compare;

import java.util.OptionalDouble;
import org.wanda4j.checkpoint.ValueType;

/// A variant of a model, measured or predicted.
///
/// @param values type that it is packed in
/// @param sparsity 0 where it is not pruned
/// @param bytes of the weights' files
/// @param decode tokens/s; empty where nobody asked
/// @param ratio its perplexity over the dense model's
/// @param measured whether it was made and measured
public record Estimate(
        ValueType values,
        double sparsity,
        double bytes,
        OptionalDouble decode,
        double ratio,
        boolean measured) {

    /// For people: `dense int8`, `50 % int4`.
    public String name() {
        return sparsity == 0
                ? Cell.DENSE + " " + values.label()
                : Cell.label("" + sparsity) + " " + values.label();
    }
}
