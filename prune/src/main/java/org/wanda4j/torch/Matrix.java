package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.TensorView;

/// A matrix of fp32 in native memory, row after row, for BLAS; or some of its rows or columns.
///
/// Calls compute in the calling thread. Several threads may read one matrix, or write different rows of it.
public final class Matrix {

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final int ALIGNMENT = 64;

    /// Wide enough for a product to be fast, narrow enough for little below the diagonal to be computed.
    private static final int PANEL = 192;

    private final MemorySegment data;
    private final int rows;
    private final int columns;
    private final int stride;

    private Matrix(MemorySegment data, int rows, int columns, int stride) {
        this.data = data;
        this.rows = rows;
        this.columns = columns;
        this.stride = stride;
    }

    /// A matrix of zeros that lives as long as `memory`.
    public static Matrix zeros(int rows, int columns, Arena memory) {
        return new Matrix(
                memory.allocate((long) rows * columns * Float.BYTES, ALIGNMENT),
                rows,
                columns,
                columns);
    }

    /// The values of `weight`, which is of two dimensions and any weight type.
    public static Matrix copyOf(TensorView weight, Arena memory) {
        Matrix copy = zeros(weight.rows(), weight.columns(), memory);
        try (var _ = new PointerScope()) {
            copy.tensor().copy_(Tensors.over(weight));
        }
        return copy;
    }

    /// Rounds every value to the type of `weight`, to nearest even, and stores it there.
    public void storeIn(TensorView weight) {
        try (var _ = new PointerScope()) {
            Tensors.over(weight).copy_(tensor());
        }
    }

    /// A tensor over the same memory; of rows that lie together.
    Tensor tensor() {
        return Tensors.over(data, ScalarType.Float, rows, columns);
    }

    /// How many rows.
    public int rows() {
        return rows;
    }

    /// How many columns.
    public int columns() {
        return columns;
    }

    /// Rows `from` to `from + count - 1`, over the same memory.
    public Matrix rows(int from, int count) {
        return new Matrix(data.asSlice((long) from * stride * Float.BYTES), count, columns, stride);
    }

    /// Columns `from` to `from + count - 1`, over the same memory.
    public Matrix columns(int from, int count) {
        return new Matrix(data.asSlice((long) from * Float.BYTES), rows, count, stride);
    }

    /// One value.
    public float get(int row, int column) {
        return data.getAtIndex(FLOAT, (long) row * stride + column);
    }

    /// Sets one value.
    public void set(int row, int column, float value) {
        data.setAtIndex(FLOAT, (long) row * stride + column, value);
    }

    /// Copies a row to the front of `into`.
    public void read(int row, float[] into) {
        MemorySegment.copy(data, FLOAT, (long) row * stride * Float.BYTES, into, 0, columns);
    }

    /// Copies the front of `values` to a row.
    public void write(int row, float[] values) {
        MemorySegment.copy(values, 0, data, FLOAT, (long) row * stride * Float.BYTES, columns);
    }

    /// Copies all values of a matrix of the same shape.
    public void copy(Matrix other) {
        for (int row = 0; row < rows; row++) {
            MemorySegment.copy(
                    other.data,
                    (long) row * other.stride * Float.BYTES,
                    data,
                    (long) row * stride * Float.BYTES,
                    (long) columns * Float.BYTES);
        }
    }

    /// `this <- beta * this + alpha * a * b`
    public void addProduct(float beta, float alpha, Matrix a, Matrix b) {
        if (a.rows != rows || b.columns != columns || a.columns != b.rows) {
            throw new IllegalArgumentException(
                    "cannot add %dx%d times %dx%d to %dx%d"
                            .formatted(a.rows, a.columns, b.rows, b.columns, rows, columns));
        }
        openblas.cblas_sgemm(
                openblas.CblasRowMajor,
                openblas.CblasNoTrans,
                openblas.CblasNoTrans,
                rows,
                columns,
                a.columns,
                alpha,
                a.pointer(),
                a.stride,
                b.pointer(),
                b.stride,
                beta,
                pointer(),
                stride);
    }

    /// `this <- x^T x` in the upper triangle; the lower one is undefined.
    ///
    /// @param x any x columns, fp32
    void square(Tensor x) {
        openblas.cblas_ssyrk(
                openblas.CblasRowMajor,
                openblas.CblasUpper,
                openblas.CblasTrans,
                columns,
                Math.toIntExact(x.size(0)),
                1,
                x.data_ptr_float(),
                columns,
                0,
                pointer(),
                stride);
    }

    /// The same for x of bf16, each product rounded to it: `PANEL` columns times those and all that follow.
    void squareByPanels(Tensor x) {
        for (int from = 0; from < columns; from += PANEL) {
            int count = Math.min(PANEL, columns - from);
            Tensor product =
                    Tensors.product(
                            x.narrow(1, from, count).t(), x.narrow(1, from, columns - from));
            tensor().narrow(0, from, count).narrow(1, from, columns - from).copy_(product);
        }
    }

    /// `this <- this + other`, of matrices that are whole.
    void add(Matrix other) {
        add(other, 1);
    }

    /// `this <- this + factor * other`, of matrices that are whole.
    public void add(Matrix other, double factor) {
        try (var _ = new PointerScope()) {
            tensor().add_(other.tensor(), new Scalar(factor));
        }
    }

    /// `this <- (this + its upper triangle's mirror image) * factor`
    void mirrorUpper(double factor) {
        try (var _ = new PointerScope()) {
            Tensor upper = tensor().triu();
            Tensor mirrored = upper.add(upper.triu(1).t());
            tensor().copy_(mirrored.mul_(new Scalar(factor)));
        }
    }

    /// Whether no value is NaN or infinite.
    public boolean isFinite() {
        try (var _ = new PointerScope()) {
            return torch.isfinite(tensor()).all().item_bool();
        }
    }

    private FloatPointer pointer() {
        return new FloatPointer(new Tensors.Address(data));
    }
}
