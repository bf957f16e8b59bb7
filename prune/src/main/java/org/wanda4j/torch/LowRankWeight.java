package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;

/// A matrix to which the product of two thin ones is added where it is not zero: LoRA (Hu et al., 2022) that keeps zeros.
///
/// ```
/// W = W0 + scale * (B A) o (W0 != 0)
/// ```
///
/// @param view where `W0` lies: outputs x inputs
/// @param fixed has it
/// @param down `A`, rank x inputs
/// @param up `B`, outputs x rank
public record LowRankWeight(
        MatrixView view, FixedWeights fixed, Variable down, Variable up, double scale)
        implements TrainedWeight {

    @Override
    public Tensor values(Arena memory) {
        Tensor start = fixed.values(view, memory).to(ScalarType.Float);
        Tensor change = up.value().tensor().mm(down.value().tensor());
        return start.add(change.mul_(kept(start)), new Scalar(scale));
    }

    @Override
    public TensorView exact(Arena memory) {
        try (Arena mapped = Arena.ofConfined();
                var _ = new PointerScope()) {
            long bytes = (long) view.rows() * view.columns() * Float.BYTES;
            var exact =
                    new TensorView(
                            view.tensor(),
                            DType.F32,
                            List.of((long) view.rows(), (long) view.columns()),
                            memory.allocate(bytes, 64));
            Tensors.over(exact).copy_(values(mapped));
            return exact;
        }
    }

    @Override
    public List<Variable> variables() {
        return List.of(down, up);
    }

    @Override
    public List<Tensor> gradients(Tensor gradient) {
        try (Arena memory = Arena.ofConfined()) {
            Tensor kept = kept(fixed.values(view, memory));
            Tensor masked = gradient.to(ScalarType.Float).mul(kept).mul_(new Scalar(scale));
            return List.of(
                    up.value().tensor().t().mm(masked), masked.mm(down.value().tensor().t()));
        }
    }

    /// 1 for what is not zero.
    private static Tensor kept(Tensor values) {
        return values.ne(new Scalar(0)).to(ScalarType.Float);
    }
}
