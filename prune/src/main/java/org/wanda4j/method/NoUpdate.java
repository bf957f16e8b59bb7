package org.wanda4j.method;

import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.WeightKernels;

/// `W'_ij = 0` where the mask says so, else `W_ij`, bit for bit.
public record NoUpdate() implements MaskedUpdate {

    @Override
    public Statistic needs() {
        return Statistic.NONE;
    }

    @Override
    public String cost() {
        return "nothing";
    }

    @Override
    public TensorView apply(PruneTask task, Mask mask) {
        TensorView weight = task.weight();
        TensorView result = task.allocate(weight.type());
        WeightKernels kernels = Kernels.best().weights();
        for (int row = 0; row < mask.rows(); row++) {
            kernels.zero(
                    weight.row(row),
                    result.row(row),
                    weight.type(),
                    mask.words(),
                    row * mask.wordsPerRow());
        }
        return result;
    }
}
