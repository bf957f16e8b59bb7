package org.wanda4j.spark;

import java.io.Serializable;
import org.wanda4j.calibrate.TensorCopy;

/// The matrix that a linear was given, on its way to the executors.
///
/// @param linear its number in the block
record NewWeight(int linear, TensorCopy matrix) implements Serializable {}
