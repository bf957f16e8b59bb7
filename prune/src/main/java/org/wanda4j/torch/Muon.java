package org.wanda4j.torch;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// Muon (Jordan, 2024): steepest descent of a matrix under the spectral norm, by blocks.
///
/// ```
/// m <- MOMENTUM m + g
/// w <- w - rate * SCALE * sqrt(max(rows, columns)) * orthogonal(MOMENTUM m + g)       where w was not removed
/// ```
///
/// The factor in front makes the mean square of a step as large as Adam's (Liu et al., arXiv 2502.16982, eq. 4), so that one rate
/// serves both.
///
/// @param momentum `m`
/// @param products what is multiplied in
record Muon(Variable variable, MirroredTensor momentum, ComputeType products)
        implements Optimiser.Rule {

    private static final double MOMENTUM = 0.9;
    private static final double SCALE = 0.2;

    @Override
    public List<MirroredTensor> state() {
        return List.of(momentum);
    }

    @Override
    public void update(int step, double rate, double factor) {
        Tensor gradient = variable.gradient().tensor();
        Tensor m = momentum.tensor();
        m.mul_(new Scalar(MOMENTUM)).add_(gradient, new Scalar(factor));
        Tensor change = m.mul(new Scalar(MOMENTUM)).add_(gradient, new Scalar(factor));
        Orthogonal.replace(change, products);
        variable.clearRemoved(change);
        double longer = Math.max(change.size(0), change.size(1));
        variable.value().tensor().sub_(change, new Scalar(rate * SCALE * Math.sqrt(longer)));
    }
}
