package org.wanda4j.torch;

import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

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

    /// Replaces a matrix in memory. For a task of [Engine#forEach].
    ///
    /// @param matrix rows x columns, fp32, in row order
    /// @param products what is multiplied in
    public static void replace(MemorySegment matrix, int rows, int columns, ComputeType products) {
        try (var _ = new PointerScope()) {
            Tensor whole = Tensors.over(matrix, ScalarType.Float, rows, columns);
            int longer = rows > columns ? 1 : 0;
            int side = Math.min(rows, columns);
            int blocks = Math.ceilDiv(side, BLOCK);
            for (int i = 0; i < blocks; i++) {
                long from = (long) side * i / blocks;
                long to = (long) side * (i + 1) / blocks;
                try (var _ = new PointerScope()) {
                    Tensor block = whole.narrow(longer, from, to - from);
                    Tensor wide = longer == 1 ? block.t() : block;
                    wide.copy_(orthogonal(wide, products));
                }
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
