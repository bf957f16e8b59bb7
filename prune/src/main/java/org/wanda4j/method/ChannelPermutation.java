package org.wanda4j.method;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Block;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Mlp;
import org.wanda4j.model.Stage;
import org.wanda4j.sparse.Mask;

/// The channel permutation of Zhang et al., 2024 (its heuristic allocation): the input channels of a linear are permuted so
/// that those with high scores share no run of an N:M pattern.
///
/// Only where the rows of the linears that compute these channels can be permuted alike, and nothing else reads them: gate
/// and up for down; value for the output projection, within a head. The checkpoint stays an ordinary one.
public final class ChannelPermutation {

    private final List<Linear> writers;
    private final int[] rows;
    private final int[] columns;

    /// Input channels of a linear that may be permuted.
    ///
    /// @param writers compute the channels: `heads * size` rows each
    /// @param heads of the writers; they keep their order
    /// @param repeats how often a head's channels appear among the reader's columns, one after the other
    /// @param size channels of a head
    public record PermutableChannels(List<Linear> writers, int heads, int repeats, int size) {

        /// Those of the input of `stage`; none where it may not be permuted.
        public static Optional<PermutableChannels> of(Block block, Stage stage) {
            if (stage.step() == 0) {
                return Optional.empty();
            }
            return Optional.of(
                    switch (block.branches().get(stage.branch()).mixer()) {
                        case Attention attention ->
                                new PermutableChannels(
                                        List.of(attention.value()),
                                        attention.keyValueHeads(),
                                        attention.heads() / attention.keyValueHeads(),
                                        attention.headSize());
                        case Mlp mlp -> of(mlp);
                        case Experts experts -> of(experts.mlp(stage.part()));
                    });
        }

        private static PermutableChannels of(Mlp mlp) {
            return new PermutableChannels(mlp.first(), 1, 1, mlp.down().inputs());
        }

        /// The row of the writers that computes column `column` of the reader.
        int row(int column) {
            int head = column / size / repeats;
            return head * size + column % size;
        }
    }

    /// @param rows of the writers: at i the one that comes to i
    private ChannelPermutation(PermutableChannels channels, int[] rows) {
        this.writers = channels.writers();
        this.rows = rows;
        this.columns = new int[rows.length * channels.repeats()];
        for (int j = 0; j < columns.length; j++) {
            int row = rows[channels.row(j)];
            columns[j] = j + row % channels.size() - j % channels.size();
        }
    }

    /// The channels of a head by the sum of their scores, dealt out to its runs: the highest one to each, then the next
    /// ones in the opposite direction, and so on.
    ///
    /// @param scores of the reader's weights
    /// @param run channels that are compared, M of N:M; divides a head's size
    public static ChannelPermutation of(PermutableChannels channels, Scores scores, int run) {
        int size = channels.size();
        if (size % run != 0) {
            throw new IllegalArgumentException(run + " does not divide " + size + " channels");
        }
        double[] sums = sums(channels, scores);
        int runs = size / run;
        int[] rows = new int[channels.heads() * size];
        for (int head = 0; head < channels.heads(); head++) {
            int first = head * size;
            int[] falling =
                    IntStream.range(first, first + size)
                            .boxed()
                            .sorted(Comparator.comparingDouble((Integer row) -> -sums[row]))
                            .mapToInt(Integer::intValue)
                            .toArray();
            for (int i = 0; i < size; i++) {
                int round = i / runs;
                int at = round % 2 == 0 ? i % runs : runs - 1 - i % runs;
                rows[first + at * run + round] = falling[i];
            }
        }
        return new ChannelPermutation(channels, rows);
    }

    /// For each of the writers' rows, the sum of the scores of all weights that read it.
    private static double[] sums(PermutableChannels channels, Scores scores) {
        double[] sums = new double[channels.heads() * channels.size()];
        float[] row = new float[scores.columns()];
        for (int i = 0; i < scores.rows(); i++) {
            scores.row(i, row);
            for (int j = 0; j < row.length; j++) {
                sums[channels.row(j)] += row[j];
            }
        }
        return sums;
    }

    /// The linears whose rows are permuted alike.
    public List<Linear> writers() {
        return writers;
    }

    /// The statistics of the permuted channels, without a Gram matrix.
    public InputStatistics apply(InputStatistics statistics) {
        return new InputStatistics(
                moved(statistics.norms()),
                moved(statistics.ablationNorms()),
                statistics.tokens(),
                Optional.empty());
    }

    private float[] moved(float[] values) {
        float[] result = new float[values.length];
        for (int j = 0; j < values.length; j++) {
            result[j] = values[columns[j]];
        }
        return result;
    }

    /// A writer's matrix or bias with its rows in their new order.
    public TensorView rows(TensorView tensor, Arena memory) {
        TensorView result = like(tensor, memory);
        long bytes = tensor.data().byteSize() / rows.length;
        for (int i = 0; i < rows.length; i++) {
            MemorySegment.copy(tensor.data(), rows[i] * bytes, result.data(), i * bytes, bytes);
        }
        return result;
    }

    /// A writer's mask with its rows in their new order.
    public Mask rows(Mask mask) {
        Mask result = new Mask(mask.rows(), mask.columns());
        int words = mask.wordsPerRow();
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(mask.words(), rows[i] * words, result.words(), i * words, words);
        }
        return result;
    }

    /// The reader's matrix with its columns in their new order.
    public TensorView columns(TensorView matrix, Arena memory) {
        return columns(matrix, memory, true);
    }

    /// Takes [#columns] back.
    public TensorView original(TensorView matrix, Arena memory) {
        return columns(matrix, memory, false);
    }

    private TensorView columns(TensorView matrix, Arena memory, boolean forth) {
        TensorView result = like(matrix, memory);
        long bytes = matrix.type().bytes();
        for (int i = 0; i < matrix.rows(); i++) {
            MemorySegment from = matrix.row(i);
            MemorySegment to = result.row(i);
            for (int j = 0; j < columns.length; j++) {
                int source = forth ? columns[j] : j;
                int target = forth ? j : columns[j];
                MemorySegment.copy(from, source * bytes, to, target * bytes, bytes);
            }
        }
        return result;
    }

    private static TensorView like(TensorView tensor, Arena memory) {
        return new TensorView(
                tensor.name(),
                tensor.type(),
                tensor.shape(),
                memory.allocate(tensor.data().byteSize(), 64));
    }
}
