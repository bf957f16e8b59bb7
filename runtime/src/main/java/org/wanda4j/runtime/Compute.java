package org.wanda4j.runtime;

import java.util.List;
import org.wanda4j.model.Architecture.Norm;
import org.wanda4j.runtime.Weights.Projection;
import org.wanda4j.runtime.Weights.Scaling;

/// Matrices and norms on activations, by a [Team].
final class Compute {

    private final RowKernels kernels;
    private final Team team;
    private final float[][] rows;
    private final float[][] scratch;
    private final float[][] arranged;

    /// @param widest columns of the widest matrix
    Compute(RowKernels kernels, Team team, int widest) {
        this.kernels = kernels;
        this.team = team;
        int width = Vectors.padded(widest) + RowKernels.PADDING;
        this.rows = new float[team.size()][RowKernels.TILE * width];
        this.scratch = new float[team.size()][width];
        this.arranged = new float[team.size()][width];
    }

    RowKernels kernels() {
        return kernels;
    }

    Team team() {
        return team;
    }

    /// What is to be done to the outputs `from` to `to`, exclusive, once they are there.
    @FunctionalInterface
    interface Then {
        void apply(int from, int to);
    }

    /// `y = W x` for matrices that share their input.
    void project(List<Projection> projections, Vectors x, int tokens, List<Vectors> y) {
        project(projections, x, tokens, y, (_, _) -> {});
    }

    /// `y = W x` for matrices that share their input.
    ///
    /// @param then called by each member for the rows that it has computed of matrices with equally many
    void project(List<Projection> projections, Vectors x, int tokens, List<Vectors> y, Then then) {
        y.forEach(each -> each.reserve(tokens));
        team.run(member -> {
            if (tokens == 1) {
                kernels.arrange(x, arranged[member]);
            }
            int from = 0;
            int to = 0;
            for (int i = 0; i < projections.size(); i++) {
                Projection projection = projections.get(i);
                int count = projection.matrix().rows();
                from = team.first(member, count, RowKernels.TILE);
                to = team.first(member + 1, count, RowKernels.TILE);
                if (tokens == 1) {
                    vector(projection, x, y.get(i).values(), from, to, member);
                } else {
                    block(projection, x, tokens, y.get(i), from, to, member);
                }
            }
            then.apply(from, to);
        });
    }

    private void vector(Projection projection, Vectors x, float[] y, int from, int to, int member) {
        float[] bias = projection.bias();
        for (int i = from; i < to; i++) {
            float product =
                    kernels.dot(projection.matrix(), i, x, arranged[member], scratch[member]);
            y[i] = bias.length == 0 ? product : product + bias[i];
        }
    }

    private void block(
            Projection projection, Vectors x, int tokens, Vectors y, int from, int to, int member) {
        float[] bias = projection.bias();
        for (int i = from; i < to; i += RowKernels.TILE) {
            int count = Math.min(RowKernels.TILE, to - i);
            for (int r = 0; r < count; r++) {
                kernels.decode(
                        projection.matrix(), i + r, rows[member], r * x.width(), scratch[member]);
            }
            kernels.multiply(
                    rows[member], count, x.width(), x.values(), tokens, y.values(), i, y.width());
            if (bias.length > 0) {
                for (int t = 0; t < tokens; t++) {
                    for (int r = i; r < i + count; r++) {
                        y.values()[t * y.width() + r] += bias[r];
                    }
                }
            }
        }
    }

    /// Norms each token of `x` into `y`, which may be the same.
    void norm(Scaling scaling, Vectors x, Vectors y, int tokens) {
        y.reserve(tokens);
        for (int t = 0; t < tokens; t++) {
            norm(scaling, x.values(), t * x.width(), y.values(), t * y.width());
        }
    }

    /// Norms a part of `x` into a part of `y`, which may be the same.
    void norm(Scaling scaling, float[] x, int from, float[] y, int to) {
        int width = scaling.norm().width();
        float[] weight = scaling.weight();
        float[] bias = scaling.bias();
        float mean = 0;
        if (scaling.norm().kind() == Norm.Kind.LAYER) {
            double sum = 0;
            for (int j = 0; j < width; j++) {
                sum += x[from + j];
            }
            mean = (float) (sum / width);
            for (int j = 0; j < width; j++) {
                y[to + j] = x[from + j] - mean;
            }
        } else {
            System.arraycopy(x, from, y, to, width);
        }
        float square = kernels.sumOfSquares(y, to, width) / width;
        float factor = (float) (1 / Math.sqrt(square + scaling.norm().epsilon()));
        for (int j = 0; j < width; j++) {
            y[to + j] *= factor;
        }
        for (int j = 0; j < weight.length; j++) {
            y[to + j] *= weight[j];
        }
        for (int j = 0; j < bias.length; j++) {
            y[to + j] += bias[j];
        }
    }
}
