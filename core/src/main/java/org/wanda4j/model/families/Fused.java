package org.wanda4j.model.families;

import java.util.Optional;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Linear;

/// A tensor that holds several linears of one input: their rows behind each other, or head by head.
///
/// @param name of the module
/// @param inputs of each linear
/// @param weight all rows
/// @param bias one value for each row, where there is one
record Fused(String name, int inputs, MatrixView weight, Optional<MatrixView> bias) {

    /// `name.weight`, outputs x inputs, and `name.bias`.
    static Fused of(String name, int inputs, int outputs, boolean bias) {
        return new Fused(
                name,
                inputs,
                MatrixView.whole(name + ".weight", outputs, inputs),
                bias(name, outputs, bias));
    }

    /// `name.weight`, inputs x outputs, and `name.bias`.
    static Fused transposed(String name, int inputs, int outputs) {
        return new Fused(
                name,
                inputs,
                MatrixView.transposed(name + ".weight", outputs, inputs),
                bias(name, outputs, true));
    }

    /// Slice `index` of `name.weight`, which has `slices` of outputs x inputs.
    static Fused slice(String name, int slices, int index, int inputs, int outputs) {
        return new Fused(
                name + "." + index,
                inputs,
                MatrixView.slice(name + ".weight", slices, index, outputs, inputs),
                Optional.empty());
    }

    private static Optional<MatrixView> bias(String name, int outputs, boolean has) {
        return has ? Optional.of(MatrixView.vector(name + ".bias", outputs)) : Optional.empty();
    }

    /// All rows, as one linear.
    Linear all() {
        return new Linear(name, inputs, weight.rows(), weight, bias);
    }

    /// The linear of `count` rows from `first` on.
    ///
    /// @param part what it is called behind the module's name
    Linear rows(String part, int first, int count) {
        return interleaved(part, first, count, count, count);
    }

    /// The linear of `count` rows: runs of `run`, the first from `first` on, each `step` behind the one before.
    Linear interleaved(String part, int first, int count, int run, int step) {
        return new Linear(
                name + "." + part,
                inputs,
                count,
                weight.interleaved(first, count, run, step),
                bias.map(vector -> vector.interleaved(first, count, run, step)));
    }
}
