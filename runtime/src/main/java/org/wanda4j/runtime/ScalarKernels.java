package org.wanda4j.runtime;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.PackedMatrix;

/// [RowKernels] a value at a time, on any JVM: what the vector kernels are checked against.
final class ScalarKernels implements RowKernels {

    private final String reason;

    /// @param reason why they run
    ScalarKernels(String reason) {
        this.reason = reason;
    }

    @Override
    public void arrange(Vectors x, float[] arranged) {
        System.arraycopy(x.values(), 0, arranged, 0, x.width());
    }

    @Override
    public float dot(PackedMatrix matrix, int row, Vectors x, float[] arranged, float[] scratch) {
        matrix.decode(row, scratch);
        float sum = 0;
        for (int j = 0; j < matrix.columns(); j++) {
            sum += scratch[j] * arranged[j];
        }
        return sum;
    }

    @Override
    public void decode(PackedMatrix matrix, int row, float[] out, int at, float[] scratch) {
        matrix.decode(row, scratch);
        System.arraycopy(scratch, 0, out, at, matrix.columns());
        Arrays.fill(out, at + matrix.columns(), at + Vectors.padded(matrix.columns()), 0);
    }

    @Override
    public void multiply(
            float[] rows,
            int count,
            int width,
            float[] x,
            int tokens,
            float[] y,
            int first,
            int outputs) {
        for (int t = 0; t < tokens; t++) {
            for (int i = 0; i < count; i++) {
                float sum = 0;
                for (int j = 0; j < width; j++) {
                    sum += rows[i * width + j] * x[t * width + j];
                }
                y[t * outputs + first + i] = sum;
            }
        }
    }

    @Override
    public float dotBf16(float[] a, int from, MemorySegment values, long offset, int count) {
        float sum = 0;
        for (int j = 0; j < count; j++) {
            sum += a[from + j] * DType.BF16.get(values, offset + j);
        }
        return sum;
    }

    @Override
    public void addBf16(
            float weight, MemorySegment values, long offset, int count, float[] out, int from) {
        for (int j = 0; j < count; j++) {
            out[from + j] += weight * DType.BF16.get(values, offset + j);
        }
    }

    @Override
    public float sumOfSquares(float[] x, int from, int count) {
        float sum = 0;
        for (int j = from; j < from + count; j++) {
            sum += x[j] * x[j];
        }
        return sum;
    }

    @Override
    public float exponentials(float[] x, int count, float shift) {
        float sum = 0;
        for (int j = 0; j < count; j++) {
            x[j] = (float) Math.exp(x[j] - shift);
            sum += x[j];
        }
        return sum;
    }

    @Override
    public void silu(float[] gate, float[] up, int from, int count) {
        for (int j = from; j < from + count; j++) {
            gate[j] = gate[j] / (1 + (float) Math.exp(-gate[j])) * up[j];
        }
    }

    @Override
    public String description() {
        return "scalar: " + reason;
    }
}
