package org.wanda4j.prune;

import java.lang.foreign.Arena;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.torch.Matrix;

/// How weights are removed, and what becomes of those that stay.
public interface WeightUpdate {

    /// What calibration has to collect for it, besides what the importance needs.
    Statistic needs();

    /// What it takes besides, in a few words.
    String cost();

    /// Floating-point operations of what the linears of a stage with `inputs` channels share; what [#cost()] says in words.
    default double sharedOperations(long inputs) {
        return 0;
    }

    /// Floating-point operations for one linear, besides scores and choices.
    default double operations(long outputs, long inputs) {
        return 0;
    }

    /// How many times all weights of a linear are scored and chosen from.
    default int choices() {
        return 1;
    }

    /// Copies of a linear's weights, in fp32, that it works on.
    default int copies() {
        return 0;
    }

    /// Removes weights of a linear: in the result, what is removed is zero.
    ///
    /// @return out x in, in memory of the task; new values in the task's type, weights that keep theirs in their own
    TensorView apply(Task task);

    /// A linear to be pruned, and by what.
    ///
    /// @param weight out x in; not to be changed
    /// @param statistics of its inputs
    /// @param type of new values
    /// @param threads to use
    /// @param memory that outlives the result
    record Task(
            TensorView weight,
            InputStatistics statistics,
            Importance importance,
            Selection selection,
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
}
