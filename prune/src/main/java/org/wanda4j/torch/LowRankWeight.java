package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;

/// A matrix to which the product of two thin ones is added where it is not zero: LoRA (Hu et al., 2022) that keeps zeros.
///
/// ```
/// W = W0 + scale * (B A) o (W0 != 0)
/// ```
///
/// @param start `W0`, outputs x inputs, in memory of the arena that is given
/// @param down `A`, rank x inputs
/// @param up `B`, outputs x rank
public record LowRankWeight(
        Function<Arena, TensorView> start, Variable down, Variable up, double scale)
        implements TrainedWeight {

    @Override
    public TensorView current(Arena memory) {
        TensorView stored = start.apply(memory);
        TensorView sum = Rounding.to(DType.F32, stored, memory);
        try (var _ = new PointerScope()) {
            Tensor change = Tensors.over(up.value()).mm(Tensors.over(down.value()));
            Tensor values = Tensors.over(sum);
            values.add_(change.mul_(kept(values)), new Scalar(scale));
        }
        return sum;
    }

    @Override
    public List<Variable> variables() {
        return List.of(down, up);
    }

    @Override
    public List<Tensor> gradients(Tensor gradient) {
        try (Arena memory = Arena.ofConfined()) {
            Tensor kept = kept(Tensors.over(start.apply(memory)));
            Tensor masked = gradient.to(ScalarType.Float).mul(kept).mul_(new Scalar(scale));
            return List.of(
                    Tensors.over(up.value()).t().mm(masked),
                    masked.mm(Tensors.over(down.value()).t()));
        }
    }

    /// 1 for what is not zero.
    private static Tensor kept(Tensor values) {
        return values.ne(new Scalar(0)).to(ScalarType.Float);
    }
}
