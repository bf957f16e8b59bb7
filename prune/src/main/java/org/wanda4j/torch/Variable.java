package org.wanda4j.torch;

import java.lang.foreign.Arena;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.checkpoint.TensorView;

/// Values that an optimiser changes.
///
/// @param gradient of the loss, of the same shape
/// @param pruned whether it is the matrix of a linear, in which what is zero was removed and stays zero
public record Variable(MirroredTensor value, MirroredTensor gradient, boolean pruned)
        implements AutoCloseable {

    /// @param value fp32
    /// @param device that computes with them
    /// @param memory for the gradient; outlives this
    public Variable(TensorView value, boolean pruned, Device device, Arena memory) {
        this(
                new MirroredTensor(value, device),
                MirroredTensor.zeros(value, device, memory),
                pruned);
    }

    /// Sets to zero what a tensor of this shape has for values that were removed.
    void clearRemoved(Tensor tensor) {
        if (pruned) {
            tensor.masked_fill_(value.tensor().eq(new Scalar(0)), new Scalar(0));
        }
    }

    @Override
    public void close() {
        value.close();
        gradient.close();
    }
}
