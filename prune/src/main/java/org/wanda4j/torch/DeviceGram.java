package org.wanda4j.torch;

import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// What is derived from a [Gram] matrix on a device, as there: inverted in fp64.
final class DeviceGram implements AutoCloseable {

    private final Tensor gram;
    private final ComputeType type;
    private Optional<Tensor> factor = Optional.empty();
    private Optional<Double> damping = Optional.empty();
    private Optional<Normalised> normalised = Optional.empty();

    /// @param scale the root of the diagonal; 1 for dead inputs; fp32
    /// @param inverse of the damped matrix with a diagonal of ones, plus the identity; in the compute type
    record Normalised(Tensor scale, Tensor inverse) {}

    /// @param gram fp32; is closed with this
    DeviceGram(Tensor gram, ComputeType type) {
        this.gram = gram;
        this.type = type;
    }

    /// Which inputs were zero in every token.
    Tensor dead() {
        return gram.diagonal().eq(new Scalar(0));
    }

    /// What was added to the diagonal before the factor was found, as a share of its mean; empty without a factor.
    Optional<Double> damping() {
        return damping;
    }

    /// The upper Cholesky factor of the inverse, fp32 ([Gram#inverseFactor()]).
    ///
    /// @throws ArithmeticException when nothing suffices to invert it
    Tensor inverseFactor() {
        if (factor.isEmpty()) {
            try (var _ = new PointerScope()) {
                factor = Optional.of(factorise());
            }
        }
        return factor.get();
    }

    /// Kept past all scopes.
    private Tensor factorise() {
        double mean =
                gram.diagonal()
                        .to(ScalarType.Double)
                        .mul_(new Scalar(2))
                        .masked_fill_(dead(), new Scalar(1))
                        .mean()
                        .item_double();
        for (double added = Gram.OBS_DAMPING; added <= Gram.HARDEST_DAMPING; added *= 10) {
            try (var _ = new PointerScope()) {
                Optional<Tensor> upper =
                        lower(added * mean).map(DeviceGram::upper).filter(DeviceGram::isFinite);
                if (upper.isPresent()) {
                    damping = Optional.of(added);
                    return Tensors.kept(upper.get());
                }
            }
        }
        throw new ArithmeticException("the inputs' Gram matrix cannot be inverted");
    }

    /// The lower factor of the Hessian with rows and columns in reverse order, as for [PositiveDefinite]; fp64, to be released.
    private Optional<Tensor> lower(double added) {
        try (var _ = new PointerScope()) {
            Tensor hessian = gram.flip(0, 1).to(ScalarType.Double).mul_(new Scalar(2));
            hessian.diagonal().masked_fill_(dead().flip(0), new Scalar(1)).add_(new Scalar(added));
            return cholesky(hessian).map(Tensors::kept);
        }
    }

    /// The upper factor of the inverse, fp32.
    private static Tensor upper(Tensor lower) {
        try {
            Tensor inverse = torch.eye(lower.size(0), lower.options());
            torch.linalg_solve_triangular_out(inverse, lower, inverse, false);
            return inverse.flip(0, 1).to(ScalarType.Float);
        } finally {
            lower.releaseReference();
        }
    }

    /// [Gram#normalised(double)].
    ///
    /// @throws ArithmeticException when it cannot be inverted
    Normalised normalised(double added) {
        if (normalised.isEmpty()) {
            try (var _ = new PointerScope()) {
                Tensor scale = gram.diagonal().sqrt().masked_fill_(dead(), new Scalar(1));
                Tensor wide = scale.to(ScalarType.Double);
                Tensor matrix = gram.to(ScalarType.Double).div_(wide).div_(wide.view(-1, 1));
                matrix.diagonal().fill_(new Scalar(2 + added));
                Tensor inverse =
                        cholesky(matrix)
                                .map(it -> torch.cholesky_inverse(it, false))
                                .map(it -> it.to(ScalarType.Float))
                                .filter(DeviceGram::isFinite)
                                .orElseThrow(() ->
                                        new ArithmeticException(
                                                "the inputs' Gram matrix cannot be inverted"));
                normalised =
                        Optional.of(
                                new Normalised(
                                        Tensors.kept(scale),
                                        Tensors.kept(inverse.to(type.scalar()))));
            }
        }
        return normalised.get();
    }

    /// The lower factor; empty where the matrix is not positive definite.
    private static Optional<Tensor> cholesky(Tensor matrix) {
        T_TensorTensor_T result = torch.linalg_cholesky_ex(matrix, false, false);
        // A handle of its own: the pair's goes with the pair.
        return result.get1().item_int() == 0
                ? Optional.of(result.get0().detach())
                : Optional.empty();
    }

    static boolean isFinite(Tensor values) {
        return torch.isfinite(values).all().item_bool();
    }

    @Override
    public void close() {
        gram.releaseReference();
        factor.ifPresent(DeviceGram::release);
        normalised.ifPresent(it -> {
            it.scale().releaseReference();
            it.inverse().releaseReference();
        });
    }

    private static void release(Tensor tensor) {
        tensor.releaseReference();
    }
}
