package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// `G = X^T X` of the inputs of a stage: the sum over the tokens of a window, on average over windows; fp32, of products that
/// were computed in the inputs' type.
///
/// What is derived from it is made once, at its first use, and shared by the linears of the stage.
public final class Gram implements AutoCloseable {

    static final double OBS_DAMPING = 0.01;
    static final double HARDEST_DAMPING = 100;

    private final Optional<Tensor> onDevice;
    private final ComputeType type;
    private final Arena memory;
    private Optional<Matrix> gram;
    private Optional<DeviceGram> device = Optional.empty();
    private Optional<float[]> diagonal = Optional.empty();
    private Optional<Damped> factor = Optional.empty();
    private Optional<Matrix> damped = Optional.empty();
    private Optional<Normalised> normalised = Optional.empty();

    /// A matrix that had to be damped so that it could be inverted.
    ///
    /// @param damping what was added to the diagonal, as a share of its mean
    public record Damped(Matrix matrix, double damping) {}

    /// `N_ij = G_ij / (d_i d_j)` with a damped diagonal of ones.
    ///
    /// @param scale `d`, the root of G's diagonal; 1 for dead inputs
    /// @param inverse of `N + I`
    public record Normalised(float[] scale, Factor inverse) {}

    Gram(Matrix gram, ComputeType type, Arena memory) {
        this(Optional.of(gram), Optional.empty(), type, memory);
    }

    private Gram(Optional<Matrix> gram, Optional<Tensor> onDevice, ComputeType type, Arena memory) {
        this.gram = gram;
        this.onDevice = onDevice;
        this.type = type;
        this.memory = memory;
    }

    /// `factor * sum`, which is changed and taken over; copied to the host when it is asked for.
    static Gram onDevice(Tensor sum, double factor, ComputeType type, Arena memory) {
        try (var _ = new PointerScope()) {
            Tensor upper = sum.triu();
            sum.copy_(upper.add(upper.triu(1).t()).mul_(new Scalar(factor)));
        }
        return new Gram(Optional.empty(), Optional.of(sum), type, memory);
    }

    /// The identity, for a linear that no token reached: all channels count alike, and none correlates with another.
    @SuppressWarnings("MustBeClosed") // It is closed with the result.
    public static Gram identity(int width, ComputeType type) {
        Arena memory = Arena.ofShared();
        Matrix identity = Matrix.zeros(width, width, memory);
        for (int j = 0; j < width; j++) {
            identity.set(j, j, 1);
        }
        return new Gram(identity, type, memory);
    }

    /// The matrix of these panels.
    ///
    /// @param panels as [#panels()] gives them
    @SuppressWarnings("MustBeClosed") // It is closed with the result.
    public static Gram of(List<float[]> panels, int width, ComputeType type) {
        return GramSum.mean(panels, width, type, 1);
    }

    /// The upper triangle of G, as [GramSum#panels()].
    public List<float[]> panels() {
        return GramSum.panels(matrix());
    }

    /// G itself.
    public Matrix matrix() {
        if (gram.isEmpty()) {
            Tensor values = onDevice.orElseThrow();
            int width = Math.toIntExact(values.size(0));
            Matrix copy = Matrix.zeros(width, width, memory);
            try (var _ = new PointerScope()) {
                copy.tensor().copy_(values);
            }
            gram = Optional.of(copy);
        }
        return gram.get();
    }

    /// What is derived from it on a device.
    DeviceGram on(Device where) {
        if (device.isEmpty()) {
            device = Optional.of(new DeviceGram(onDevice.orElseGet(() -> upload(where)), type));
        }
        return device.get();
    }

    private Tensor upload(Device where) {
        try (var _ = new PointerScope()) {
            return Tensors.kept(where.copyOf(matrix().tensor(), ScalarType.Float));
        }
    }

    private float[] diagonal() {
        if (diagonal.isEmpty()) {
            diagonal = Optional.of(onDevice.map(Gram::diagonalOf).orElseGet(this::readDiagonal));
        }
        return diagonal.get();
    }

    private static float[] diagonalOf(Tensor matrix) {
        try (var _ = new PointerScope()) {
            return Tensors.floats(matrix.diagonal());
        }
    }

    private float[] readDiagonal() {
        float[] values = new float[matrix().rows()];
        for (int j = 0; j < values.length; j++) {
            values[j] = matrix().get(j, j);
        }
        return values;
    }

    /// The diagonal of [#inverseFactor()].
    ///
    /// @throws ArithmeticException when nothing suffices to invert it
    public float[] factorDiagonal() {
        if (device.isPresent()) {
            return diagonalOf(device.get().inverseFactor());
        }
        Matrix upper = inverseFactor().matrix();
        float[] values = new float[upper.rows()];
        for (int j = 0; j < values.length; j++) {
            values[j] = upper.get(j, j);
        }
        return values;
    }

    /// Whether input `j` was zero in every token.
    public boolean dead(int j) {
        return diagonal()[j] == 0;
    }

    /// The upper Cholesky factor of `H^-1`, where H is G with 1 on the diagonal for dead inputs and 1 % of the diagonal's
    /// mean added to it (SparseGPT, Frantar & Alistarh, 2023); more, where that does not suffice.
    ///
    /// @throws ArithmeticException when nothing suffices
    public Damped inverseFactor() {
        if (factor.isEmpty()) {
            factor = Optional.of(factorise());
        }
        return factor.get();
    }

    /// The damping of the inverse factor, where it had to be more than 1 %.
    public Optional<Double> hardened() {
        return device.flatMap(DeviceGram::damping)
                .or(() -> factor.map(Damped::damping))
                .filter(damping -> damping > OBS_DAMPING);
    }

    /// The matrix H that [#inverseFactor()] is of, damped as much as there: `H^-1 = U^T U`.
    ///
    /// @throws ArithmeticException when nothing suffices to invert it
    public Matrix damped() {
        if (damped.isEmpty()) {
            double added = inverseFactor().damping() * meanDiagonal();
            int width = matrix().rows();
            Matrix hessian = Matrix.zeros(width, width, memory);
            float[] row = new float[width];
            for (int i = 0; i < width; i++) {
                matrix().read(i, row);
                for (int j = 0; j < width; j++) {
                    row[j] *= 2;
                }
                row[i] = (float) ((dead(i) ? 1 : row[i]) + added);
                hessian.write(i, row);
            }
            damped = Optional.of(hessian);
        }
        return damped.get();
    }

    private double meanDiagonal() {
        int width = matrix().rows();
        double mean = 0;
        for (int j = 0; j < width; j++) {
            mean += (dead(j) ? 1 : 2.0 * matrix().get(j, j)) / width;
        }
        return mean;
    }

    private Damped factorise() {
        int width = matrix().rows();
        // The scale of G cancels in SparseGPT but for dead inputs; its Hessian is 2 G.
        double mean = meanDiagonal();
        Matrix factor = Matrix.zeros(width, width, memory);
        try (Arena scratch = Arena.ofConfined()) {
            var hessian = new PositiveDefinite(width, scratch);
            for (double damping = OBS_DAMPING; damping <= HARDEST_DAMPING; damping *= 10) {
                for (int i = 0; i < width; i++) {
                    for (int j = i + 1; j < width; j++) {
                        hessian.set(i, j, 2.0 * matrix().get(i, j));
                    }
                    hessian.set(i, i, (dead(i) ? 1 : 2.0 * matrix().get(i, i)) + damping * mean);
                }
                if (hessian.invertToFactor()) {
                    hessian.storeIn(factor);
                    if (factor.isFinite()) {
                        return new Damped(factor, damping);
                    }
                }
            }
        }
        throw new ArithmeticException("the inputs' Gram matrix cannot be inverted");
    }

    /// G scaled to a diagonal of ones, then `damping` added to it.
    ///
    /// @throws ArithmeticException when it cannot be inverted
    public Normalised normalised(double damping) {
        if (normalised.isEmpty()) {
            normalised = Optional.of(normalise(damping));
        }
        return normalised.get();
    }

    private Normalised normalise(double damping) {
        int width = matrix().rows();
        float[] scale = new float[width];
        for (int j = 0; j < width; j++) {
            scale[j] = dead(j) ? 1 : (float) Math.sqrt(matrix().get(j, j));
        }
        Matrix inverse = Matrix.zeros(width, width, memory);
        try (Arena scratch = Arena.ofConfined()) {
            var damped = new PositiveDefinite(width, scratch);
            for (int i = 0; i < width; i++) {
                for (int j = i + 1; j < width; j++) {
                    damped.set(i, j, matrix().get(i, j) / ((double) scale[i] * scale[j]));
                }
                damped.set(i, i, 2 + damping);
            }
            if (!damped.invert()) {
                throw new ArithmeticException("the inputs' Gram matrix cannot be inverted");
            }
            damped.storeIn(inverse);
        }
        if (!inverse.isFinite()) {
            throw new ArithmeticException("the inputs' Gram matrix cannot be inverted");
        }
        inverse.mirrorUpper(1);
        return new Normalised(scale, Factor.of(inverse, type, memory));
    }

    @Override
    public void close() {
        device.ifPresentOrElse(
                DeviceGram::close, () -> onDevice.ifPresent(Tensor::releaseReference));
        memory.close();
    }
}
