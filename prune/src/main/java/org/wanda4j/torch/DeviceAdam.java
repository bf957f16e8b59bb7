package org.wanda4j.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Adam's step on a device, by libtorch's operations.
public final class DeviceAdam implements AutoCloseable {

    private final Device device;
    private final float meanRate;
    private final float squareRate;
    private final float epsilon;
    private final List<Moments> moments = new ArrayList<>();

    /// @param removed true for values that stay zero; none where empty
    private record Moments(
            Variable variable,
            MirroredTensor mean,
            MirroredTensor square,
            Optional<Tensor> removed) {}

    /// @param meanRate how far the mean of gradients goes towards the gradient in a step
    /// @param squareRate the same of the mean of its squares
    public DeviceAdam(Device device, double meanRate, double squareRate, double epsilon) {
        this.device = device;
        this.meanRate = (float) meanRate;
        this.squareRate = (float) squareRate;
        this.epsilon = (float) epsilon;
    }

    /// Takes a variable on.
    ///
    /// @param mean of its gradients
    /// @param square mean of their squares
    public void add(Variable variable, MirroredTensor mean, MirroredTensor square) {
        try (var _ = new PointerScope()) {
            Optional<Tensor> removed =
                    variable.removed()
                            .map(mask ->
                                    Tensors.kept(
                                            device.copyOf(Tensors.surviving(mask), ScalarType.Bool)
                                                    .logical_not()));
            moments.add(new Moments(variable, mean, square, removed));
        }
    }

    /// The norm of all gradients together, in which what was removed is set to zero. Waits for the device.
    public double norm() {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            Tensor sum = torch.zeros(new long[] {1}, device.options(ScalarType.Double));
            for (Moments each : moments) {
                try (var _ = new PointerScope()) {
                    Tensor gradient = each.variable().gradient().tensor();
                    each.removed().ifPresent(it -> gradient.masked_fill_(it, new Scalar(0)));
                    sum.add_(gradient.square().sum(new ScalarTypeOptional(ScalarType.Double)));
                }
            }
            return Math.sqrt(sum.item_double());
        }
    }

    /// Changes the values against their gradients:
    ///
    /// ```
    /// m <- m + meanRate (g - m),  v <- v + squareRate (g^2 - v)
    /// w <- w - pace m / (sqrt(v) / root + epsilon)
    /// ```
    ///
    /// @param factor of the gradients
    public void update(float factor, float pace, float root) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            for (Moments each : moments) {
                try (var _ = new PointerScope()) {
                    Tensor gradient = each.variable().gradient().tensor().mul(new Scalar(factor));
                    Tensor mean = each.mean().tensor();
                    Tensor square = each.square().tensor();
                    mean.lerp_(gradient, new Scalar(meanRate));
                    square.lerp_(gradient.square_(), new Scalar(squareRate));
                    Tensor size = square.sqrt().div_(new Scalar(root)).add_(new Scalar(epsilon));
                    each.variable().value().tensor().addcdiv_(mean, size, new Scalar(-pace));
                }
            }
        }
    }

    @Override
    public void close() {
        moments.forEach(it -> it.removed().ifPresent(Tensor::releaseReference));
    }
}
