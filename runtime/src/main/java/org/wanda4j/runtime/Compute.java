package org.wanda4j.runtime;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.model.Norm;
import org.wanda4j.runtime.Weights.Projection;
import org.wanda4j.runtime.Weights.Scaling;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.RowKernels.Order;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// Matrices and norms on activations, by a [Team].
final class Compute {

    /// Rows that a member takes at least, so that no two write to one line of the cache all the time.
    private static final int GRAIN = RowKernels.TILE;

    private final RowKernels kernels;
    private final Team team;
    private final Scratch[] scratch;
    private final float[][] normed;
    private final float[][] arranged;
    private final Map<Order, float[]> together = new EnumMap<>(Order.class);

    /// @param widest columns of the widest matrix
    /// @param memory stays open as long as this
    Compute(RowKernels kernels, Team team, int widest, Arena memory) {
        this.kernels = kernels;
        this.team = team;
        int width = RowKernels.padded(widest);
        this.scratch = new Scratch[team.size()];
        Arrays.setAll(scratch, _ -> kernels.newScratch(widest, memory));
        this.normed = new float[team.size()][width];
        this.arranged = new float[team.size()][width];
    }

    RowKernels kernels() {
        return kernels;
    }

    Scratch scratch(int member) {
        return scratch[member];
    }

    Team team() {
        return team;
    }

    /// What a projection reads.
    ///
    /// @param norm applied to `x` first, where it is there
    record Input(Vectors x, Optional<Scaling> norm) {}

    /// What is to be done to the outputs `from` to `to`, exclusive, once they are there.
    @FunctionalInterface
    interface Then {
        void apply(int from, int to);
    }

    /// `y = W x` for matrices that share their input.
    void project(List<Projection> projections, Input input, int tokens, List<Vectors> y) {
        project(projections, input, tokens, y, (_, _) -> {});
    }

    /// `y = W x` for matrices that share their input.
    ///
    /// @param then called by each member for the rows that it has computed of matrices with equally many
    void project(
            List<Projection> projections, Input input, int tokens, List<Vectors> y, Then then) {
        y.forEach(each -> each.reserve(tokens));
        if (tokens == 1) {
            team.run(member -> {
                vectors(projections, input, y, member);
                applyToLast(projections, member, then);
            });
        } else {
            arrange(projections, input, tokens);
            team.run(member -> {
                for (int i = 0; i < projections.size(); i++) {
                    block(projections.get(i), input.x().width(), tokens, y.get(i), member);
                }
                applyToLast(projections, member, then);
            });
        }
    }

    /// Norms the input where that is to be done, and puts it in every order that the matrices want.
    private void arrange(List<Projection> projections, Input input, int tokens) {
        int width = input.x().width();
        Set<Order> orders = EnumSet.noneOf(Order.class);
        projections.forEach(each -> orders.add(kernels.order(each.matrix())));
        for (Order order : orders) {
            together.compute(
                    order,
                    (_, room) ->
                            room != null && room.length >= tokens * width
                                    ? room
                                    : new float[tokens * width]);
        }
        team.deal(
                tokens,
                (member, t) -> {
                    float[] x = input.x().values();
                    int from = t * width;
                    if (input.norm().isPresent()) {
                        norm(input.norm().get(), x, from, normed[member], 0);
                        x = normed[member];
                        from = 0;
                    }
                    for (Order order : orders) {
                        kernels.arrange(order, x, from, together.get(order), t * width, width);
                    }
                });
    }

    private void applyToLast(List<Projection> projections, int member, Then then) {
        int rows = projections.getLast().matrix().rows();
        then.apply(first(member, rows), first(member + 1, rows));
    }

    private int first(int member, int rows) {
        return team.first(member, rows, GRAIN);
    }

    /// One token. Each member norms and arranges its input by itself, which is quicker than to wait for another.
    private void vectors(List<Projection> projections, Input input, List<Vectors> y, int member) {
        float[] x = input.x().values();
        if (input.norm().isPresent()) {
            norm(input.norm().get(), x, 0, normed[member], 0);
            x = normed[member];
        }
        Order arrangedAs = null;
        for (int i = 0; i < projections.size(); i++) {
            MappedMatrix matrix = projections.get(i).matrix();
            Order order = kernels.order(matrix);
            if (order != arrangedAs) {
                kernels.arrange(
                        order, x, 0, arranged[member], 0, RowKernels.padded(matrix.columns()));
                arrangedAs = order;
            }
            int from = first(member, matrix.rows());
            int to = first(member + 1, matrix.rows());
            float[] products = y.get(i).values();
            kernels.products(matrix, from, to, arranged[member], products, scratch[member]);
            addBias(projections.get(i).bias(), products, 0, from, to);
        }
    }

    private void block(Projection projection, int width, int tokens, Vectors y, int member) {
        MappedMatrix matrix = projection.matrix();
        float[] x = together.get(kernels.order(matrix));
        int from = first(member, matrix.rows());
        int to = first(member + 1, matrix.rows());
        kernels.block(matrix, from, to, x, width, tokens, y.values(), y.width(), scratch[member]);
        for (int t = 0; t < tokens; t++) {
            addBias(projection.bias(), y.values(), t * y.width(), from, to);
        }
    }

    private static void addBias(float[] bias, float[] y, int at, int from, int to) {
        if (bias.length > 0) {
            for (int i = from; i < to; i++) {
                y[at + i] += bias[i];
            }
        }
    }

    /// Norms each token of `x` into `y`, which may be the same.
    void norm(Scaling scaling, Vectors x, Vectors y, int tokens) {
        y.reserve(tokens);
        team.deal(
                tokens,
                (_, t) -> norm(scaling, x.values(), t * x.width(), y.values(), t * y.width()));
    }

    /// Norms a part of `x` into a part of `y`, which may be the same.
    void norm(Scaling scaling, float[] x, int from, float[] y, int to) {
        int width = scaling.norm().width();
        if (scaling.norm().kind() == Norm.Kind.LAYER) {
            double sum = 0;
            for (int j = 0; j < width; j++) {
                sum += x[from + j];
            }
            float mean = (float) (sum / width);
            for (int j = 0; j < width; j++) {
                y[to + j] = x[from + j] - mean;
            }
        } else {
            System.arraycopy(x, from, y, to, width);
        }
        float square = kernels.sumOfSquares(y, to, width) / width;
        float factor = (float) (1 / Math.sqrt(square + scaling.norm().epsilon()));
        kernels.scale(y, to, factor, scaling.weight(), y, to, width);
        for (int j = 0; j < scaling.bias().length; j++) {
            y[to + j] += scaling.bias()[j];
        }
    }
}
