package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.checkpoint.TensorView;

/// A matrix or vector of a model that is trained: what it is made of, and how its gradient becomes that of what an optimiser
/// changes.
public sealed interface TrainedWeight permits WholeWeight, LowRankWeight, RoundedWeight {

    /// Its values, in fp32.
    ///
    /// @param memory for them where they have to be computed
    TensorView current(Arena memory);

    /// The same, not yet rounded to what it is computed with.
    ///
    /// @param memory for them where they have to be computed
    default TensorView exact(Arena memory) {
        return current(memory);
    }

    /// What an optimiser changes.
    List<Variable> variables();

    /// The gradients of the variables, in their order.
    ///
    /// @param gradient of the weight
    List<Tensor> gradients(Tensor gradient);
}
