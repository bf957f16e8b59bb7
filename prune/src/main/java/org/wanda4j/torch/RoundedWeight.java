package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueGrid;
import org.wanda4j.checkpoint.ValueType;

/// A matrix that is computed with as it will be packed, each group of weights rounded to a [ValueGrid] that is found anew each
/// time. Gradients pass the rounding as if it were not there: the straight-through estimator (Bengio et al., 2013).
///
/// @param weight that is trained
/// @param stored the type that it is written in before it is packed
/// @param values int8 or int4
public record RoundedWeight(TrainedWeight weight, DType stored, ValueType values)
        implements TrainedWeight {

    @Override
    public Tensor values(Arena memory) {
        return Tensors.over(current(memory));
    }

    /// Its values, in fp32.
    ///
    /// @param memory to hold them
    TensorView current(Arena memory) {
        TensorView rounded;
        try (Arena scratch = Arena.ofConfined()) {
            rounded = Rounding.to(DType.F32, Rounding.to(stored, exact(memory), scratch), memory);
        }
        round(rounded, values);
        return rounded;
    }

    /// Rounds each row of a matrix in its place, on as many threads as there are cores.
    ///
    /// @param matrix fp32
    /// @param values int8 or int4
    public static void round(TensorView matrix, ValueType values) {
        var grid = new ValueGrid(values);
        IntStream.range(0, matrix.rows())
                .parallel()
                .forEach(row -> round(grid, matrix.row(row), matrix.columns()));
    }

    private static void round(ValueGrid grid, MemorySegment row, int columns) {
        float[] weights = row.toArray(ValueLayout.JAVA_FLOAT);
        float[] scales = grid.scales(weights);
        for (int column = 0; column < columns; column++) {
            weights[column] = grid.round(weights[column], scales[column / ValueType.GROUP]);
        }
        MemorySegment.copy(weights, 0, row, ValueLayout.JAVA_FLOAT, 0, columns);
    }

    @Override
    public TensorView exact(Arena memory) {
        return weight.exact(memory);
    }

    @Override
    public List<Variable> variables() {
        return weight.variables();
    }

    @Override
    public List<Tensor> gradients(Tensor gradient) {
        return weight.gradients(gradient);
    }
}
