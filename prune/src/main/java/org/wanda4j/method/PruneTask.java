package org.wanda4j.method;

import java.lang.foreign.Arena;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.torch.Matrix;

/// A linear to be pruned.
///
/// @param weight out x in; not to be changed
/// @param statistics of its inputs
/// @param pattern which shape the zeros take, and how many there are
/// @param type of new values
/// @param threads to use
/// @param memory that outlives the result
public record PruneTask(
        TensorView weight,
        InputStatistics statistics,
        SparsityPattern pattern,
        DType type,
        int threads,
        Arena memory) {

    /// An uninitialised tensor of the weight's shape.
    TensorView allocate(DType of) {
        long values = (long) weight.rows() * weight.columns();
        return new TensorView(
                weight.name(), of, weight.shape(), memory.allocate(values * of.bytes(), 64));
    }

    /// The weight with a new value for each.
    ///
    /// @throws ArithmeticException when some are not finite
    TensorView updated(Matrix values) {
        if (!values.isFinite()) {
            throw new ArithmeticException("the update gave weights that are not finite");
        }
        TensorView result = allocate(type);
        values.storeIn(result);
        return result;
    }
}
