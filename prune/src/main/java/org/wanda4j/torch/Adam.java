package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// Adam (Kingma & Ba, 2015):
///
/// ```
/// m <- B1 m + (1 - B1) g,  v <- B2 v + (1 - B2) g^2
/// w <- w - rate * (m / (1 - B1^t)) / (sqrt(v / (1 - B2^t)) + EPSILON)
/// ```
///
/// @param mean of the gradient, `m`
/// @param square mean of its square, `v`
record Adam(Variable variable, MirroredTensor mean, MirroredTensor square)
        implements Optimiser.Rule {

    private static final double B1 = 0.9;
    private static final double B2 = 0.999;
    private static final double EPSILON = 1e-8;

    /// At the start.
    ///
    /// @param device that computes
    /// @param memory for the means; outlives this
    Adam(Variable variable, Device device, Arena memory) {
        this(
                variable,
                MirroredTensor.zeros(variable.value().host(), device, memory),
                MirroredTensor.zeros(variable.value().host(), device, memory));
    }

    @Override
    public List<MirroredTensor> state() {
        return List.of(mean, square);
    }

    @Override
    public void update(int step, double rate, double factor) {
        double pace = rate / (1 - Math.pow(B1, step + 1.0));
        double root = Math.sqrt(1 - Math.pow(B2, step + 1.0));
        Tensor gradient = variable.gradient().tensor().mul(new Scalar(factor));
        Tensor m = mean.tensor().lerp_(gradient, new Scalar(1 - B1));
        Tensor v = square.tensor().lerp_(gradient.square_(), new Scalar(1 - B2));
        Tensor size = v.sqrt().div_(new Scalar(root)).add_(new Scalar(EPSILON));
        variable.value().tensor().addcdiv_(m, size, new Scalar(-pace));
    }
}
