package org.wanda4j.torch;

import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// How far hidden states are from a teacher's (SquareHead, Kurtic et al., 2023): `MSE(student, teacher) / MSE(teacher, 0)` of each
/// token, so that the few with massive activations do not count for all.
public final class HiddenStateLoss {

    private static final double TINY = 1e-12;

    private HiddenStateLoss() {}

    /// The sum over a batch's tokens. For a task of [Engine#forEach].
    ///
    /// @param states the student's, fp32
    /// @param wanted the teacher's
    /// @param scale of the gradient
    /// @param gradient of the states, to which that of this loss is added; none where empty
    public static double of(Batch states, Batch wanted, double scale, Optional<Batch> gradient) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            Tensor target = wanted.hidden().to(ScalarType.Float);
            Tensor size =
                    target.square()
                            .sum(new long[] {1}, true, new ScalarTypeOptional())
                            .clamp_min(new Scalar(TINY));
            Tensor difference = states.hidden().sub(target);
            double sum = difference.square().div(size).to(ScalarType.Double).sum().item_double();
            gradient.ifPresent(
                    it -> it.hidden().add_(difference.div_(size), new Scalar(2 * scale)));
            return sum;
        }
    }
}
