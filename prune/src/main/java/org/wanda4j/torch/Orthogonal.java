package org.wanda4j.torch;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// Makes matrices orthogonal, about: of `X = U S V^T` it takes `U V^T`, with all singular values near 1 instead of 1.
///
/// ```
/// X <- X / ||X||_F
/// X <- A X + (B P + C P^2) X,  P = X X^T        a few times (Newton and Schulz; coefficients of Jordan, 2024)
/// ```
///
/// A wide matrix is cut into blocks of rows and a tall one into blocks of columns, each of which is made orthogonal by itself: the
/// work for a value grows with the lesser side of a block.
public final class Orthogonal {

    private static final double A = 3.4445;
    private static final double B = -4.7750;
    private static final double C = 2.0315;
    private static final int ITERATIONS = 3;

    /// Most of the lesser side of a block.
    private static final int BLOCK = 192;

    private Orthogonal() {}

    /// Replaces a matrix of fp32. For a task of [Engine#forEach].
    ///
    /// @param products what is multiplied in
    static void replace(Tensor matrix, ComputeType products) {
        int longer = matrix.size(0) > matrix.size(1) ? 1 : 0;
        long side = Math.min(matrix.size(0), matrix.size(1));
        long blocks = Math.ceilDiv(side, BLOCK);
        for (long i = 0; i < blocks; i++) {
            long from = side * i / blocks;
            long to = side * (i + 1) / blocks;
            try (var _ = new PointerScope()) {
                Tensor block = matrix.narrow(longer, from, to - from);
                Tensor wide = longer == 1 ? block.t() : block;
                wide.copy_(orthogonal(wide, products));
            }
        }
    }

    private static Tensor orthogonal(Tensor wide, ComputeType products) {
        Tensor norm = wide.norm().add_(new Scalar(Float.MIN_NORMAL));
        Tensor x = wide.div(norm).to(products.scalar()).contiguous();
        for (int i = 0; i < ITERATIONS; i++) {
            Tensor p = Tensors.product(x, x.t());
            Tensor q = Tensors.product(p, p).mul_(new Scalar(C)).add_(p, new Scalar(B));
            x = Tensors.product(q, x).add_(x, new Scalar(A));
        }
        return x;
    }

    /// Operations that it takes for a matrix, about.
    public static double operations(int rows, int columns) {
        double side = Math.min(rows, columns);
        double block = side / Math.ceil(side / BLOCK);
        return ITERATIONS * side * (4 * block * Math.max(rows, columns) + 2 * block * block);
    }
}
