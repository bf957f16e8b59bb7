package org.wanda4j.method;

import java.lang.foreign.Arena;
import java.util.Arrays;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueGrid;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.Matrix;

/// Rounds the weights of a linear to a [ValueGrid] so that its output changes little: `||X (Q - W)^T||^2` is lowered, where zeros stay zeros.
///
/// First column by column, each making up for what the ones before it missed (GPTQ, Frantar et al., 2023: an [ObsSweep]); a group's
/// scale is chosen when its first column comes, for the weights as they are then. Then by [GridDescent], which moves scales too.
public final class GridRounding {

    /// Of the descent: more lower the error by a hundredth of what these do.
    static final int ROUNDS = 6;

    private GridRounding() {}

    /// What a linear was rounded to.
    ///
    /// @param weight rows x columns, fp32: a number of the grid times its group's scale
    /// @param scales bf16 values, those of a row one after the other
    /// @param outputError `||X (Q - W)^T||^2 / ||X W^T||^2`
    public record Rounded(TensorView weight, float[] scales, double outputError) {}

    /// Rounds a linear.
    ///
    /// @param weight out x in
    /// @param gram of its inputs
    /// @param type int8 or int4
    /// @param memory of the result
    /// @throws ArithmeticException when the Gram matrix cannot be inverted
    public static Rounded round(
            TensorView weight, Gram gram, ValueType type, int threads, Arena memory) {
        return round(weight, gram, type, ROUNDS, threads, memory);
    }

    /// @param rounds of the descent
    static Rounded round(
            TensorView weight, Gram gram, ValueType type, int rounds, int threads, Arena memory) {
        var grid = new ValueGrid(type);
        int groups = Math.toIntExact(ValueType.groups(weight.columns()));
        float[] scales = new float[Math.multiplyExact(weight.rows(), groups)];
        Mask removed = SparsityProfile.zeros(weight);
        try (Arena scratch = Arena.ofShared()) {
            ObsSweep sweep = ObsSweep.rounding(weight, gram, threads, scratch);
            var rule = new Nearest(grid, scales, groups, removed, importance(gram));
            sweep.forEachPanel((from, count) -> sweep.settle(from, count, rule));
            Matrix original = Matrix.copyOf(weight, scratch);
            new GridDescent(original, sweep.weights(), scales, removed, gram.damped(), grid)
                    .run(rounds, threads);
            TensorView result = store(sweep.weights(), weight, memory);
            return new Rounded(
                    result,
                    scales,
                    OutputError.of(original, sweep.weights(), gram.matrix(), threads));
        }
    }

    /// What the error of each column counts: `1 / U_jj^2`, when those to the right make up for it.
    private static float[] importance(Gram gram) {
        Matrix factor = gram.inverseFactor().matrix();
        float[] importance = new float[factor.rows()];
        for (int j = 0; j < importance.length; j++) {
            importance[j] = 1 / (factor.get(j, j) * factor.get(j, j));
        }
        return importance;
    }

    private static TensorView store(Matrix values, TensorView weight, Arena memory) {
        long bytes = (long) weight.rows() * weight.columns() * Float.BYTES;
        var result =
                new TensorView(
                        weight.name(), DType.F32, weight.shape(), memory.allocate(bytes, 64));
        values.storeIn(result);
        return result;
    }

    /// A weight takes the value of the grid that is nearest.
    private record Nearest(
            ValueGrid grid, float[] scales, int groups, Mask removed, float[] importance)
            implements ObsSweep.Rule {

        @Override
        public float settle(int row, int from, float[] panel, int j) {
            int column = from + j;
            int index = row * groups + column / ValueType.GROUP;
            if (column % ValueType.GROUP == 0) {
                int count = Math.min(ValueType.GROUP, panel.length - j);
                float[] group = Arrays.copyOfRange(panel, j, j + count);
                for (int k = 0; k < count; k++) {
                    if (removed.get(row, column + k)) {
                        group[k] = 0;
                    }
                }
                float[] counts = Arrays.copyOfRange(importance, column, column + count);
                scales[index] = grid.scale(group, counts, 0, count);
            }
            return removed.get(row, column) ? 0 : grid.round(panel[j], scales[index]);
        }
    }
}
