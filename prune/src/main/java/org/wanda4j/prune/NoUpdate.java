package org.wanda4j.prune;

import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;

/// Weights that stay keep their bits.
public record NoUpdate() implements WeightUpdate {

    @Override
    public Statistic needs() {
        return Statistic.NONE;
    }

    @Override
    public String cost() {
        return "nothing";
    }

    @Override
    public TensorView apply(Task task) {
        TensorView weight = task.weight();
        Mask mask =
                task.selection()
                        .select(
                                task.importance().score(weight, task.statistics()),
                                task.pattern(),
                                task.threads());
        TensorView result = task.allocate(weight.type());
        var kernels = Kernels.best().weights();
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
