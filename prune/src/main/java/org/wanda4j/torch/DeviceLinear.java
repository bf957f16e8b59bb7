package org.wanda4j.torch;

import java.util.Optional;
import java.util.function.IntFunction;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.sparse.Mask;

/// The weights of a linear on a device, and which of them are removed: scored, chosen and updated there, by libtorch's operations.
///
/// They do what the methods do on the host, in the same order: scores that are equal to their last bit give the same mask.
public final class DeviceLinear implements AutoCloseable {

    private static final int PANEL = 128;

    private final Device device;
    private final Tensor weights;
    private final Tensor removed;

    /// Which weights go, given their scores.
    public sealed interface Choice {

        /// The lowest of each row, ties from the lower column on.
        ///
        /// @param count of each
        record OfRows(int count) implements Choice {}

        /// All up to the one of rank `floor(count * sparsity)`, counted from 0.
        record OfMatrix(double sparsity) implements Choice {}

        /// The `n` lowest of each run of `m` columns, ties from the lower column on.
        record OfRuns(int n, int m) implements Choice {}
    }

    /// @param weight out x in, of any weight type
    /// @throws InvalidInputException when a weight is not finite
    public DeviceLinear(TensorView weight, Device device) {
        this.device = device;
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            this.weights = Tensors.kept(device.copyOf(Tensors.over(weight), ScalarType.Float));
            this.removed = Tensors.kept(torch.zeros(shape(), device.options(ScalarType.Bool)));
            if (!DeviceGram.isFinite(weights)) {
                close();
                throw new InvalidInputException(
                        weight.name()
                                + " holds NaN or infinite weights; the checkpoint is damaged");
            }
        }
    }

    private long[] shape() {
        return new long[] {weights.size(0), weights.size(1)};
    }

    /// Removes by `|W_ij| * byColumn[j]`.
    public void choose(float[] byColumn, Choice choice) {
        inScope(() -> removed.copy_(chosen(scores(weights, vector(byColumn)), choice)));
    }

    /// Removes by `|W_ij| * (1 / sum_j |W_ij| + 1 / sum_i |W_ij|) * activation[j]`; 0 for the inverse of 0.
    public void chooseRelative(float[] activation, Choice choice) {
        inScope(() -> {
            Tensor sizes = weights.abs();
            Tensor wide = sizes.to(ScalarType.Double);
            Tensor factors = inverse(wide, 1).add(inverse(wide, 0));
            factors.mul_(vector(activation).to(ScalarType.Double).sqrt());
            removed.copy_(chosen(sizes.mul(factors.to(ScalarType.Float)), choice));
        });
    }

    private static Tensor inverse(Tensor sizes, long dimension) {
        Tensor sums = sizes.sum(new long[] {dimension}, true, new ScalarTypeOptional());
        return sums.reciprocal().masked_fill_(sums.eq(new Scalar(0)), new Scalar(0));
    }

    private static Tensor scores(Tensor weights, Tensor byColumn) {
        return weights.abs().mul_(byColumn);
    }

    private Tensor vector(float[] values) {
        return device.copyOf(Tensors.of(values, values.length), ScalarType.Float);
    }

    /// @return true where a weight goes
    private static Tensor chosen(Tensor scores, Choice choice) {
        return switch (choice) {
            case Choice.OfRows(int count) -> lowest(scores, count);
            case Choice.OfRuns(int n, int m) ->
                    lowest(scores.reshape(-1, m), n).view(scores.sizes());
            case Choice.OfMatrix(double sparsity) -> {
                Tensor flat = scores.flatten();
                long rank = (long) ((double) flat.numel() * sparsity);
                yield scores.le(flat.kthvalue(rank + 1).get0());
            }
        };
    }

    private static Tensor lowest(Tensor scores, long count) {
        Tensor order = scores.sort(new BoolOptional(true), 1, false).get1();
        return torch.zeros_like(scores)
                .to(ScalarType.Bool)
                .scatter_(1, order.narrow(1, 0, count), new Scalar(1));
    }

    /// SparseGPT's update for what is removed ([Gram#inverseFactor()]): column by column, what lies to the right makes up for it.
    ///
    /// @throws ArithmeticException when the matrix cannot be inverted
    public void update(Gram gram) {
        sweep(gram, PANEL, (_, _, _) -> {});
    }

    /// The same, with weights chosen on the way: a panel of 128 columns at its start, a run at its first column; by `|W_ij| *
    /// byColumn[j]` of weights as they were updated so far.
    ///
    /// @throws ArithmeticException when the matrix cannot be inverted
    public void chooseAndUpdate(Gram gram, float[] byColumn, Optional<Choice> choice) {
        inScope(() -> {
            Tensor factors = vector(byColumn);
            int run = choice.orElse(null) instanceof Choice.OfRuns(int _, int m) ? m : PANEL;
            int panel = Math.max(PANEL / run, 1) * run;
            sweep(
                    gram,
                    panel,
                    (part, from, column) ->
                            choice.filter(_ -> column % run == 0)
                                    .ifPresent(it -> {
                                        long count = Math.min(run, part.size(1) - column);
                                        Tensor scores =
                                                scores(
                                                        part.narrow(1, column, count),
                                                        factors.narrow(0, from + column, count));
                                        removed.narrow(1, from + column, count)
                                                .copy_(chosen(scores, it));
                                    }));
        });
    }

    /// Is called before a column of a panel is settled.
    @FunctionalInterface
    private interface Column {

        /// @param panel its weights as updated so far
        /// @param from its first column
        /// @param column within it
        void before(Tensor panel, long from, long column);
    }

    private void sweep(Gram gram, int width, Column visitor) {
        inScope(() -> {
            DeviceGram inputs = gram.on(device);
            Tensor factor = inputs.inverseFactor();
            weights.masked_fill_(inputs.dead(), new Scalar(0));
            for (long from = 0; from < weights.size(1); from += width) {
                long count = Math.min(width, weights.size(1) - from);
                try (var _ = new PointerScope()) {
                    settle(from, count, factor, visitor);
                }
            }
            weights.masked_fill_(removed, new Scalar(0));
        });
    }

    /// With the rows of the factor divided by their diagonal: then what is taken of a column goes from the column itself too, and
    /// a column is two operations, which a card starts one by one.
    private void settle(long from, long count, Tensor factor, Column visitor) {
        long all = weights.size(1) - from;
        Tensor rows = factor.narrow(0, from, count).narrow(1, from, all);
        Tensor unit = rows.div(rows.diagonal().view(-1, 1));
        Tensor panel = weights.narrow(1, from, count).clone();
        Tensor taken = torch.empty_like(panel);
        for (long j = 0; j < count; j++) {
            try (var _ = new PointerScope()) {
                visitor.before(panel, from, j);
                Tensor gone = taken.narrow(1, j, 1);
                torch.mul_out(gone, panel.narrow(1, j, 1), removed.narrow(1, from + j, 1));
                panel.narrow(1, j, count - j)
                        .addcmul_(
                                gone, unit.narrow(0, j, 1).narrow(1, j, count - j), new Scalar(-1));
            }
        }
        weights.narrow(1, from, count).copy_(panel);
        if (all > count) {
            weights.narrow(1, from + count, all - count)
                    .sub_(taken.matmul(unit.narrow(1, count, all - count)));
        }
    }

    /// Alternating directions (Boza, 2024); weights are chosen on the way by `|W' + U|`.
    ///
    /// @param damping added to a diagonal of ones
    /// @param rounds in all
    /// @param growing rounds after which the mask stays
    /// @param choiceOf a round, from 1 on; empty removes nothing
    /// @throws ArithmeticException when the matrix cannot be inverted
    public void alternate(
            Gram gram,
            double damping,
            int rounds,
            int growing,
            IntFunction<Optional<Choice>> choiceOf) {
        inScope(() -> {
            DeviceGram.Normalised inputs = gram.on(device).normalised(damping);
            Tensor dense =
                    weights.mul(inputs.scale()).masked_fill_(gram.on(device).dead(), new Scalar(0));
            Tensor sum = dense.clone();
            chooseBySize(sum, choiceOf.apply(1));
            for (int round = 1; round <= rounds; round++) {
                try (var _ = new PointerScope()) {
                    Tensor kept = sum.masked_fill(removed, new Scalar(0));
                    sum.sub_(kept).add_(dense);
                    Tensor change = kept.sub_(sum);
                    sum.add_(
                            Tensors.product(
                                    change.to(inputs.inverse().scalar_type()), inputs.inverse()));
                    if (round < growing) {
                        chooseBySize(sum, choiceOf.apply(round + 1));
                    }
                }
            }
            weights.copy_(sum.div_(inputs.scale()).masked_fill_(removed, new Scalar(0)));
        });
    }

    private void chooseBySize(Tensor values, Optional<Choice> choice) {
        choice.ifPresent(it -> removed.copy_(chosen(values.abs(), it)));
    }

    /// What is removed.
    public Mask mask() {
        try (var _ = new PointerScope()) {
            long words = Math.ceilDiv(weights.size(1), Long.SIZE);
            Tensor bits =
                    torch.zeros(
                            new long[] {weights.size(0), words * Long.SIZE},
                            device.options(ScalarType.Byte));
            bits.narrow(1, 0, weights.size(1)).copy_(removed);
            Tensor places =
                    Tensors.beside(bits, Tensors.of(new long[] {1, 2, 4, 8, 16, 32, 64, 128}));
            Tensor packed =
                    bits.view(-1, Byte.SIZE)
                            .mul(places.to(ScalarType.Byte))
                            .sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Byte))
                            .cpu();
            byte[] bytes = new byte[Math.toIntExact(packed.numel())];
            new BytePointer(packed.data_ptr()).get(bytes);
            return Mask.of(
                    Math.toIntExact(weights.size(0)), Math.toIntExact(weights.size(1)), bytes);
        }
    }

    /// Whether no weight is NaN or infinite.
    public boolean isFinite() {
        try (var _ = new PointerScope()) {
            return DeviceGram.isFinite(weights);
        }
    }

    /// Rounds the weights, as updated, to the type of `weight`, and stores them there.
    public void storeIn(TensorView weight) {
        try (var _ = new PointerScope()) {
            Tensor host = Tensors.over(weight);
            host.copy_(weights.to(host.scalar_type())); // Here: a copy of half the size.
        }
    }

    private static void inScope(Runnable work) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            work.run();
        }
    }

    @Override
    public void close() {
        weights.releaseReference();
        removed.releaseReference();
    }
}
