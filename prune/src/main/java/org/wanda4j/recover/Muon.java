package org.wanda4j.recover;

import static org.wanda4j.recover.Optimiser.read;
import static org.wanda4j.recover.Optimiser.write;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Orthogonal;
import org.wanda4j.torch.Variable;

/// Muon (Jordan, 2024): steepest descent of a matrix under the spectral norm, by blocks.
///
/// ```
/// m <- MOMENTUM m + g
/// w <- w - rate * SCALE * sqrt(max(rows, columns)) * orthogonal(MOMENTUM m + g)       where w was not removed
/// ```
///
/// The factor in front makes the mean square of a step as large as Adam's (Liu et al., arXiv 2502.16982, eq. 4), so that one rate
/// serves both.
///
/// @param momentum `m`
/// @param products what is multiplied in
record Muon(Variable variable, MemorySegment momentum, ComputeType products)
        implements Optimiser.Rule {

    private static final float MOMENTUM = 0.9f;
    private static final double SCALE = 0.2;
    private static final int ALIGNMENT = 64;

    /// @param memory that outlives this
    Muon(Variable variable, ComputeType products, Arena memory) {
        this(variable, memory.allocate(variable.value().data().byteSize(), ALIGNMENT), products);
    }

    @Override
    public List<MemorySegment> state() {
        return List.of(momentum);
    }

    @Override
    public void update(int step, double rate, float factor) {
        int rows = variable.value().rows();
        int columns = variable.value().columns();
        try (Arena memory = Arena.ofShared()) {
            MemorySegment change = memory.allocate(momentum.byteSize(), ALIGNMENT);
            remember(change, factor, rows, columns);
            Orthogonal.replace(change, rows, columns, products);
            apply(change, (float) (rate * SCALE * Math.sqrt(Math.max(rows, columns))));
        }
    }

    /// Adds the gradient to what is remembered, and sets `change` to what the step is made of.
    private void remember(MemorySegment change, float factor, int rows, int columns) {
        float[] gradient = new float[columns];
        float[] sum = new float[columns];
        for (int row = 0; row < rows; row++) {
            long from = (long) row * columns;
            read(variable.gradient().data(), from, gradient, columns);
            read(momentum, from, sum, columns);
            for (int i = 0; i < columns; i++) {
                float g = gradient[i] * factor;
                sum[i] = MOMENTUM * sum[i] + g;
                gradient[i] = MOMENTUM * sum[i] + g;
            }
            write(sum, momentum, from, columns);
            write(gradient, change, from, columns);
        }
    }

    private void apply(MemorySegment change, float pace) {
        MemorySegment values = variable.value().data();
        int columns = variable.value().columns();
        float[] value = new float[columns];
        float[] by = new float[columns];
        float[] kept = new float[columns];
        Arrays.fill(kept, 1);
        for (int row = 0; row < variable.value().rows(); row++) {
            long from = (long) row * columns;
            read(values, from, value, columns);
            read(change, from, by, columns);
            if (variable.removed().isPresent()) {
                variable.removed().get().kept(row, kept);
            }
            for (int i = 0; i < columns; i++) {
                value[i] -= pace * by[i] * kept[i];
            }
            write(value, values, from, columns);
        }
    }
}
