package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.checkpoint.TensorView;

/// A matrix or vector of a model that is trained: what it is made of, and how its gradient becomes that of what an optimiser
/// changes.
public sealed interface TrainedWeight permits WholeWeight, LowRankWeight, RoundedWeight {

    /// Its values where they are computed with, in fp32 and a tensor of the scope at hand.
    ///
    /// @param memory that outlives their use
    Tensor values(Arena memory);

    /// The same on the host, not yet rounded to what it is computed with.
    ///
    /// @param memory for them where they have to be computed
    TensorView exact(Arena memory);

    /// What an optimiser changes.
    List<Variable> variables();

    /// The gradients of the variables, in their order.
    ///
    /// @param gradient of the weight
    List<Tensor> gradients(Tensor gradient);
}
