package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.checkpoint.TensorView;

/// A weight of which every value is trained by itself.
///
/// @param variable its values
public record WholeWeight(Variable variable) implements TrainedWeight {

    @Override
    public Tensor values(Arena memory) {
        return variable.value().tensor();
    }

    @Override
    public TensorView exact(Arena memory) {
        return variable.value().host();
    }

    @Override
    public List<Variable> variables() {
        return List.of(variable);
    }

    @Override
    public List<Tensor> gradients(Tensor gradient) {
        return List.of(gradient);
    }
}
