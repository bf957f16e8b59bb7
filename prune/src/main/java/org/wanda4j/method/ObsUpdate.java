package org.wanda4j.method;

import java.lang.foreign.Arena;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// Removing `w_j` of a row leaves the error `e = w_j / U_jj`, which the columns to the right make up for:
/// `w_k <- w_k - e U_jk` for all `k > j`; column by column, with `U` the upper Cholesky factor of the inverse Hessian
/// (Frantar & Alistarh, 2023).
public record ObsUpdate() implements MaskedUpdate {

    @Override
    public Statistic needs() {
        return Statistic.GRAM;
    }

    @Override
    public String cost() {
        return "a Cholesky factor and a sweep";
    }

    /// A Cholesky factor (n^3 / 3) and the inverse of that triangle.
    @Override
    public double sharedOperations(long inputs) {
        return 2.0 / 3 * Math.pow((double) inputs, 3);
    }

    /// Each weight changes all to its right.
    @Override
    public double operations(long outputs, long inputs) {
        return (double) outputs * inputs * inputs;
    }

    @Override
    public TensorView apply(PruneTask task, Mask mask) {
        try (Arena scratch = Arena.ofShared()) {
            ObsSweep sweep = ObsSweep.pruning(task, scratch);
            sweep.forEachPanel((from, count) -> sweep.remove(from, count, mask));
            return task.updated(sweep.weights());
        }
    }
}
