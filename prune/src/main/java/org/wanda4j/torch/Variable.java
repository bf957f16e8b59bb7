package org.wanda4j.torch;

import java.util.Optional;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// Values that an optimiser changes.
///
/// @param gradient of the loss, of the same shape
/// @param removed values that stay zero; none where empty
public record Variable(MirroredTensor value, MirroredTensor gradient, Optional<Mask> removed)
        implements AutoCloseable {

    /// @param value fp32
    /// @param gradient fp32
    /// @param device that computes with them
    public Variable(TensorView value, TensorView gradient, Optional<Mask> removed, Device device) {
        this(new MirroredTensor(value, device), new MirroredTensor(gradient, device), removed);
    }

    @Override
    public void close() {
        value.close();
        gradient.close();
    }
}
