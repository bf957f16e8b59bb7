package org.wanda4j.torch;

import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// Gradients by libtorch.
final class Autograd {

    private Autograd() {}

    /// The gradients of `output` with respect to `inputs`, in their order; undefined where it does not depend on one.
    ///
    /// @param along gradient of the output; 1 where empty, and then the output is a single number
    static List<Tensor> gradients(Tensor output, List<Tensor> inputs, Optional<Tensor> along) {
        TensorVector gradients =
                torch.grad(
                        new TensorVector(output),
                        new TensorVector(inputs.toArray(Tensor[]::new)),
                        along.map(TensorVector::new).orElseGet(TensorVector::new),
                        new BoolOptional(),
                        false,
                        true);
        return LongStream.range(0, inputs.size()).mapToObj(gradients::get).toList();
    }
}
