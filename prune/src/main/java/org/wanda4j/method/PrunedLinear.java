package org.wanda4j.method;

import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// What a method makes of a linear.
///
/// @param weight out x in, zero where the mask says so; in memory of the task: new values in the task's type, weights that
///     keep theirs in their own
/// @param mask which weights were removed; a weight that stays may be zero too
public record PrunedLinear(TensorView weight, Mask mask) {}
