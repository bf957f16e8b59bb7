package org.wanda4j.runtime.internal.decode;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.wanda4j.model.Norm;
import org.wanda4j.runtime.internal.decode.DecoderWeights.NormWeights;
import org.wanda4j.runtime.internal.decode.DecoderWeights.Projection;
import org.wanda4j.runtime.internal.kernels.ArrangedBatch;
import org.wanda4j.runtime.internal.kernels.MappedMatrix;
import org.wanda4j.runtime.internal.kernels.RowKernels;
import org.wanda4j.runtime.internal.kernels.RowKernels.Order;
import org.wanda4j.runtime.internal.kernels.Scratch;

/// [RowKernels] on whole matrices, the rows shared out to the threads of a pool.
final class ParallelKernels {

    /// The rows of a share are a multiple of this, so that two threads rarely write to one cache line.
    private static final int GRAIN = RowKernels.TILE;

    private final RowKernels kernels;
    private final SpinningThreadPool threads;
    private final Scratch[] scratch;
    private final Arena memory;
    private final float[][] normed; // threads x width
    private final float[][] arranged; // threads x width
    private final float[][] several; // threads x a panel x width
    private final Map<Order, ArrangedBatch> batches = new EnumMap<>(Order.class);
    private int texts = 1;

    /// @param widest columns of the widest matrix
    /// @param memory stays open as long as this
    ParallelKernels(RowKernels kernels, SpinningThreadPool threads, int widest, Arena memory) {
        this.kernels = kernels;
        this.threads = threads;
        this.memory = memory;
        int width = RowKernels.padded(widest);
        this.scratch = new Scratch[threads.size()];
        Arrays.setAll(scratch, _ -> kernels.newScratch(widest, memory));
        this.normed = new float[threads.size()][width];
        this.arranged = new float[threads.size()][width];
        this.several = new float[threads.size()][RowKernels.PANEL * width];
    }

    /// Sets of how many texts the tokens are that are projected from now on.
    void setTexts(int texts) {
        this.texts = texts;
    }

    RowKernels rowKernels() {
        return kernels;
    }

    Scratch scratch(int thread) {
        return scratch[thread];
    }

    SpinningThreadPool threads() {
        return threads;
    }

    /// Input of projections.
    ///
    /// @param norm applied to `x` first
    record Input(Activations x, Optional<NormWeights> norm) {}

    /// Runs on the outputs `from` to `to`, exclusive, of a share, in the thread that has computed them.
    @FunctionalInterface
    interface Epilogue {
        void apply(int from, int to);
    }

    /// `y = W x + b` for projections that share their input.
    void project(List<Projection> projections, Input input, int tokens, List<Activations> y) {
        project(projections, input, tokens, y, (_, _) -> {});
    }

    /// `y = W x + b` for projections that share their input.
    ///
    /// @param epilogue run for the rows of each share, after all projections, which have equally many rows where it reads several
    void project(
            List<Projection> projections,
            Input input,
            int tokens,
            List<Activations> y,
            Epilogue epilogue) {
        y.forEach(each -> each.reserve(tokens));
        if (tokens == 1) {
            threads.run((thread, share) -> {
                projectOne(projections, input, y, thread, share);
                runEpilogue(projections, share, epilogue);
            });
        } else {
            arrange(projections, input, tokens);
            threads.run((thread, share) -> {
                for (int i = 0; i < projections.size(); i++) {
                    projectBatch(projections.get(i), tokens, y.get(i), thread, share);
                }
                runEpilogue(projections, share, epilogue);
            });
        }
    }

    /// Norms the input, and arranges it in each order that the matrices need.
    private void arrange(List<Projection> projections, Input input, int tokens) {
        int width = input.x().width();
        Set<Order> orders = EnumSet.noneOf(Order.class);
        projections.forEach(each -> orders.add(kernels.order(each.matrix(), tokens, texts)));
        for (Order order : orders) {
            batches.computeIfAbsent(order, _ -> new ArrangedBatch(order, memory))
                    .reserve(tokens, width);
        }
        int most = orders.stream().anyMatch(Order::isOffHeap) ? RowKernels.PANEL : 1;
        threads.forEach(
                Math.ceilDiv(tokens, most),
                (thread, i) -> {
                    int first = i * most;
                    int count = Math.min(most, tokens - first);
                    float[] some = several[thread];
                    System.arraycopy(input.x().values(), first * width, some, 0, count * width);
                    for (int t = 0; t < count && input.norm().isPresent(); t++) {
                        norm(input.norm().get(), some, t * width, some, t * width);
                    }
                    for (Order order : orders) {
                        kernels.arrange(order, some, count, batches.get(order), first);
                    }
                });
    }

    /// `y_i = W_i x_i + b_i` of one token, for projections with equally many rows.
    ///
    /// @param epilogue run for the rows of each share, after all projections
    void projectEach(
            List<Projection> projections,
            List<Activations> x,
            List<Activations> y,
            Epilogue epilogue) {
        threads.run((thread, share) -> {
            for (int i = 0; i < projections.size(); i++) {
                Input input = new Input(x.get(i), Optional.empty());
                projectOne(List.of(projections.get(i)), input, List.of(y.get(i)), thread, share);
            }
            runEpilogue(projections, share, epilogue);
        });
    }

    /// Runs an epilogue for vectors of `rows` values, shared out as the rows of a matrix are.
    void run(int rows, Epilogue epilogue) {
        threads.run((_, share) -> epilogue.apply(first(share, rows), first(share + 1, rows)));
    }

    private void runEpilogue(List<Projection> projections, int share, Epilogue epilogue) {
        int rows = projections.getLast().matrix().rows();
        epilogue.apply(first(share, rows), first(share + 1, rows));
    }

    private int first(int share, int rows) {
        return threads.first(share, rows, GRAIN);
    }

    /// One token. The input is normed and arranged for each share anew, which takes less time than a barrier.
    private void projectOne(
            List<Projection> projections, Input input, List<Activations> y, int thread, int share) {
        float[] x = input.x().values();
        if (input.norm().isPresent()) {
            norm(input.norm().get(), x, 0, normed[thread], 0);
            x = normed[thread];
        }
        Order arrangedAs = null;
        for (int i = 0; i < projections.size(); i++) {
            MappedMatrix matrix = projections.get(i).matrix();
            Order order = kernels.order(matrix, 1, texts);
            if (order != arrangedAs) {
                kernels.arrange(
                        order, x, 0, arranged[thread], 0, RowKernels.padded(matrix.columns()));
                arrangedAs = order;
            }
            int from = first(share, matrix.rows());
            int to = first(share + 1, matrix.rows());
            float[] products = y.get(i).values();
            kernels.products(matrix, from, to, arranged[thread], products, scratch[thread]);
            addBias(projections.get(i).bias(), products, 0, from, to);
        }
    }

    /// Several tokens.
    private void projectBatch(
            Projection projection, int tokens, Activations y, int thread, int share) {
        MappedMatrix matrix = projection.matrix();
        ArrangedBatch x = batches.get(kernels.order(matrix, tokens, texts));
        int from = first(share, matrix.rows());
        int to = first(share + 1, matrix.rows());
        kernels.block(matrix, from, to, x, tokens, y.values(), y.width(), scratch[thread]);
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

    /// Norms each token of `x` into `y`, which may be `x`.
    void norm(NormWeights scaling, Activations x, Activations y, int tokens) {
        y.reserve(tokens);
        threads.forEach(
                tokens,
                (_, t) -> norm(scaling, x.values(), t * x.width(), y.values(), t * y.width()));
    }

    /// Norms the span at index `from` of `x` into `y` from index `to`, which may be the same.
    void norm(NormWeights scaling, float[] x, int from, float[] y, int to) {
        int width = scaling.norm().span();
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
