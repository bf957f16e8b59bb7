package org.wanda4j.torch;

import java.util.Optional;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// Values that an optimiser changes.
///
/// @param value fp32
/// @param gradient of the loss, fp32, of the same shape
/// @param removed values that stay zero; none where empty
public record Variable(TensorView value, TensorView gradient, Optional<Mask> removed) {}
