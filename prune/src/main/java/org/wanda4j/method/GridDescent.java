package org.wanda4j.method;

import java.lang.foreign.Arena;
import org.wanda4j.checkpoint.ValueGrid;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.Matrix;

/// Lowers `(q - w)^T H (q - w)` of each row by coordinate descent on the grid.
///
/// With `g = H (q - w)`, the best value of weight j alone is `q_j - g_j / H_jj`: it takes the one of its group's grid that is nearest to
/// that. When all weights of a group had their turn, so has its scale: with whole numbers `z` and `q = z s`, the best is
/// `s - (z^T g) / (z^T H z)`, rounded to bf16, where it lowers the error. No step raises it. (Coordinate descent for rounding: QuantEase,
/// Behdin et al., 2023, there without scales.)
///
/// As in [ObsSweep], columns are taken in panels of 128: `g` is brought up to date within the panel at once, elsewhere by one matrix
/// product when the panel is done.
final class GridDescent {

    private static final int PANEL = 128;
    private static final int ROWS_AT_ONCE = 64;

    private final Matrix original;
    private final Matrix rounded;
    private final float[] scales;
    private final Mask removed;
    private final Matrix hessian;
    private final ValueGrid grid;
    private final int groups;

    /// What lies on the hessian's diagonal, a panel each.
    private final float[][][] blocks;

    /// @param original what is rounded, rows x columns
    /// @param rounded where the descent begins, on the grid of `scales`; gets better values
    /// @param scales those of a row one after the other; get better values
    /// @param removed which weights stay zero
    /// @param hessian columns x columns, positive definite
    GridDescent(
            Matrix original,
            Matrix rounded,
            float[] scales,
            Mask removed,
            Matrix hessian,
            ValueGrid grid) {
        this.original = original;
        this.rounded = rounded;
        this.scales = scales;
        this.removed = removed;
        this.hessian = hessian;
        this.grid = grid;
        this.groups = scales.length / original.rows();
        this.blocks = new float[Math.ceilDiv(original.columns(), PANEL)][][];
        for (int k = 0; k < blocks.length; k++) {
            int from = k * PANEL;
            int count = width(from);
            blocks[k] = new float[count][count];
            for (int j = 0; j < count; j++) {
                hessian.rows(from + j, 1).columns(from, count).read(0, blocks[k][j]);
            }
        }
    }

    private int width(int from) {
        return Math.min(PANEL, original.columns() - from);
    }

    /// Takes every weight and every scale `rounds` times.
    void run(int rounds, int threads) {
        RowWork.share(
                original.rows(),
                ROWS_AT_ONCE,
                threads,
                (first, count) -> {
                    try (Arena scratch = Arena.ofConfined()) {
                        new Rows(first, count, scratch).run(rounds);
                    }
                });
    }

    /// Some rows, which a thread takes through all panels.
    private final class Rows {

        private final int first;
        private final int count;

        /// `g`, rows x columns.
        private final Matrix gradient;

        /// Of the weights of the panel.
        private final Matrix changes;

        Rows(int first, int count, Arena scratch) {
            int columns = original.columns();
            this.first = first;
            this.count = count;
            this.changes = Matrix.zeros(count, Math.min(PANEL, columns), scratch);
            this.gradient = Matrix.zeros(count, columns, scratch);
            Matrix difference = Matrix.zeros(count, columns, scratch);
            difference.copy(rounded.rows(first, count));
            difference.add(original.rows(first, count), -1);
            gradient.addProduct(0, 1, difference, hessian);
        }

        void run(int rounds) {
            for (int round = 0; round < rounds; round++) {
                for (int k = 0; k < blocks.length; k++) {
                    int from = k * PANEL;
                    int width = width(from);
                    for (int i = 0; i < count; i++) {
                        new Panel(i, from, width, blocks[k]).run();
                    }
                    gradient.addProduct(1, 1, changes.columns(0, width), hessian.rows(from, width));
                }
            }
        }

        /// The columns of a panel in one row.
        private final class Panel {

            private final int row;
            private final int from;
            private final float[] q;
            private final float[] g;
            private final float[] change;
            private final float[][] block;

            Panel(int i, int from, int width, float[][] block) {
                this.row = i;
                this.from = from;
                this.block = block;
                this.q = new float[width];
                this.g = new float[width];
                this.change = new float[width];
                rounded.columns(from, width).read(first + i, q);
                gradient.columns(from, width).read(i, g);
            }

            void run() {
                for (int j = 0; j < q.length; j += ValueType.GROUP) {
                    int end = Math.min(j + ValueType.GROUP, q.length);
                    int index = (first + row) * groups + (from + j) / ValueType.GROUP;
                    if (scales[index] != 0) {
                        round(j, end, scales[index]);
                        scales[index] = refit(j, end, scales[index]);
                    }
                }
                rounded.columns(from, q.length).write(first + row, q);
                changes.columns(0, q.length).write(row, change);
            }

            private void round(int begin, int end, float scale) {
                for (int j = begin; j < end; j++) {
                    if (!removed.get(first + row, from + j)) {
                        float value = grid.round(q[j] - g[j] / block[j][j], scale);
                        if (value != q[j]) {
                            set(j, value);
                        }
                    }
                }
            }

            private void set(int j, float value) {
                float difference = value - q[j];
                q[j] = value;
                change[j] += difference;
                float[] hessianRow = block[j];
                for (int k = 0; k < g.length; k++) {
                    g[k] += difference * hessianRow[k];
                }
            }

            /// @return the scale from now on
            private float refit(int begin, int end, float scale) {
                float slope = 0;
                float curvature = 0;
                for (int j = begin; j < end; j++) {
                    float z = q[j] / scale;
                    slope += z * g[j];
                    float sum = 0;
                    for (int k = begin; k < end; k++) {
                        sum += q[k] * block[j][k];
                    }
                    curvature += z * sum / scale;
                }
                float best = ValueGrid.bf16(scale - slope / curvature);
                float step = best - scale;
                if (!(2 * step * slope + step * step * curvature < 0) || best == 0) {
                    return scale;
                }
                for (int j = begin; j < end; j++) {
                    if (q[j] != 0) {
                        set(j, grid.number(q[j], scale) * best);
                    }
                }
                return best;
            }
        }
    }
}
