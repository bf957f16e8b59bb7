package org.wanda4j.runtime.internal.kernels;

import static org.wanda4j.runtime.internal.kernels.MappedMatrix.MEMORY;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.ValueType;

/// [RowKernels] in scalar code, for any JVM: the reference for the others.
public final class ScalarKernels implements RowKernels {

    private final String reason;

    /// @param reason why no faster kernels run
    public ScalarKernels(String reason) {
        this.reason = reason;
    }

    @Override
    public void products(
            MappedMatrix matrix, int from, int to, float[] x, float[] y, Scratch scratch) {
        for (int i = from; i < to; i++) {
            decode(matrix, i, scratch.values, 0, scratch);
            float sum = 0;
            for (int j = 0; j < matrix.columns(); j++) {
                sum += scratch.values[j] * x[j];
            }
            y[i] = sum;
        }
    }

    @Override
    public void decode(MappedMatrix matrix, int row, float[] out, int at, Scratch scratch) {
        int columns = matrix.columns();
        ValueType type = matrix.type();
        Arrays.fill(out, at, at + RowKernels.padded(columns), 0);
        long values = matrix.rowValues(row);
        for (int column = 0; column < columns; column += Long.SIZE) {
            long word =
                    matrix.isSparse()
                            ? MappedMatrix.word(matrix.rowBitmask(row), column, columns)
                            : -1L >>> Math.max(0, column + Long.SIZE - columns);
            int index = 0;
            for (long rest = word; rest != 0; rest &= rest - 1) {
                int j = column + Long.numberOfTrailingZeros(rest);
                float value = value(type, values, index++);
                out[at + j] =
                        type.isQuantised()
                                ? value * MappedMatrix.scale(type, matrix.rowScales(row), j)
                                : value;
            }
            values += MappedMatrix.wordBytes(type, word);
        }
    }

    /// The value with that index among those at an address, without its scale.
    static float value(ValueType type, long values, int index) {
        return switch (type) {
            case F32 -> DType.F32.get(MEMORY.asSlice(values), index);
            case F16 -> DType.F16.get(MEMORY.asSlice(values), index);
            case BF16 -> DType.BF16.get(MEMORY.asSlice(values), index);
            case INT8, Q8_0 -> MEMORY.get(ValueLayout.JAVA_BYTE, values + index);
            case INT4, Q4_0 -> {
                byte pair = MEMORY.get(ValueLayout.JAVA_BYTE, values + index / 2);
                yield (index % 2 == 0 ? pair : (byte) (pair << 4)) >> 4;
            }
        };
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
    public void dots(float[] query, int from, CachedHead head, float[] scores, Scratch scratch) {
        int position = 0;
        for (int run = 0; run < head.runs(); run++) {
            for (int i = 0; i < head.positions(run); i++) {
                float sum = 0;
                for (int j = 0; j < head.size(); j++) {
                    sum +=
                            query[from + j]
                                    * value(ValueType.BF16, head.keys(run), i * head.size() + j);
                }
                scores[position++] = sum;
            }
        }
    }

    @Override
    public void mix(
            float[] weights, float factor, CachedHead head, float[] out, int to, Scratch scratch) {
        for (int j = 0; j < head.size(); j++) {
            float sum = 0;
            int position = 0;
            for (int run = 0; run < head.runs(); run++) {
                for (int i = 0; i < head.positions(run); i++) {
                    float value = value(ValueType.BF16, head.values(run), i * head.size() + j);
                    sum += weights[position++] * value;
                }
            }
            out[to + j] = sum * factor;
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
    public void scale(
            float[] x, int from, float factor, float[] weight, float[] y, int to, int count) {
        for (int j = 0; j < count; j++) {
            y[to + j] = x[from + j] * factor * weight[j];
        }
    }

    @Override
    public void add(float[] x, float[] sum, int from, int count) {
        for (int j = from; j < from + count; j++) {
            sum[j] += x[j];
        }
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
