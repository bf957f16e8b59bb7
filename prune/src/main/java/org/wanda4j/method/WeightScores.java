package org.wanda4j.method;

import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.WeightKernels;

/// `|W_ij| * norms[j]`.
record WeightScores(TensorView weight, float[] norms, WeightKernels kernels) implements Scores {

    WeightScores {
        if (weight.shape().size() != 2 || !weight.type().isWeight()) {
            throw new InvalidInputException(
                    weight.name()
                            + ": only matrices of bf16, fp16 or fp32 can be scored, not "
                            + weight.type()
                            + " "
                            + weight.shape());
        }
        if (norms.length != weight.columns()) {
            throw new InvalidInputException(
                    weight.name()
                            + ": "
                            + norms.length
                            + " input norms for "
                            + weight.columns()
                            + " inputs");
        }
        for (int j = 0; j < norms.length; j++) {
            if (!(norms[j] >= 0 && norms[j] < Float.POSITIVE_INFINITY)) {
                throw new InvalidInputException(
                        weight.name() + ": the norm of input channel " + j + " is " + norms[j]);
            }
        }
    }

    @Override
    public int rows() {
        return weight.rows();
    }

    @Override
    public int columns() {
        return norms.length;
    }

    @Override
    public void row(int row, float[] into) {
        if (!kernels.scores(weight.row(row), weight.type(), norms, into)) {
            throw new InvalidInputException(
                    weight.name()
                            + ": row "
                            + row
                            + " holds NaN or infinite weights; the checkpoint is damaged");
        }
    }
}
