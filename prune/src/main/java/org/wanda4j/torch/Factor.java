package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;

/// A square matrix that many others are multiplied with, in the type that linears are computed in.
///
/// Calls compute in the calling thread; several threads may use one factor.
public final class Factor {

    private final Matrix matrix;
    private final Optional<TensorView> rounded;

    private Factor(Matrix matrix, Optional<TensorView> rounded) {
        this.matrix = matrix;
        this.rounded = rounded;
    }

    /// @param memory that outlives the factor, as `matrix` does
    static Factor of(Matrix matrix, ComputeType type, Arena memory) {
        return new Factor(
                matrix,
                switch (type) {
                    case FP32 -> Optional.empty();
                    case BF16 -> Optional.of(rounded(matrix, memory));
                });
    }

    private static TensorView rounded(Matrix matrix, Arena memory) {
        long values = (long) matrix.rows() * matrix.columns();
        var result =
                new TensorView(
                        "factor",
                        DType.BF16,
                        List.of((long) matrix.rows(), (long) matrix.columns()),
                        memory.allocate(values * DType.BF16.bytes(), 64));
        matrix.storeIn(result);
        return result;
    }

    /// `sum <- sum + left * this`. In bf16, `left` and the product are rounded to it.
    public void addProduct(Matrix left, Matrix sum) {
        rounded.ifPresentOrElse(
                factor -> addRounded(left, factor, sum), () -> sum.addProduct(1, 1, left, matrix));
    }

    private static void addRounded(Matrix left, TensorView factor, Matrix sum) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            Tensor product =
                    Tensors.product(left.tensor().to(ScalarType.BFloat16), Tensors.over(factor));
            sum.tensor().add_(product);
        }
    }
}
