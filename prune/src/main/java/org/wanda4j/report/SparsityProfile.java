package org.wanda4j.report;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.sparse.Kernels;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern.NofM;

/// Where the zeros of a checkpoint are, linear by linear, and whether they follow an N:M pattern.
public final class SparsityProfile {

    /// Denser patterns first: the first that fits says the most. Each implies those with a multiple of M.
    private static final List<NofM> PATTERNS =
            List.of(
                    new NofM(3, 4),
                    new NofM(6, 8),
                    new NofM(1, 2),
                    new NofM(2, 4),
                    new NofM(4, 8),
                    new NofM(8, 16),
                    new NofM(1, 4),
                    new NofM(2, 8));

    private SparsityProfile() {}

    /// One linear.
    ///
    /// @param block from 0
    /// @param zeros weights that are zero
    /// @param pattern the strictest known N:M pattern that the zeros follow
    public record LinearSparsity(
            String name,
            int block,
            int outputs,
            int inputs,
            long zeros,
            double sparsity,
            Optional<String> pattern) {}

    /// Every linear of every block, front to back. Reads all their weights, one at a time.
    public static List<LinearSparsity> of(Checkpoint checkpoint, Architecture architecture) {
        List<LinearSparsity> profile = new ArrayList<>();
        for (int block = 0; block < architecture.blocks().size(); block++) {
            for (Linear linear : architecture.blocks().get(block).linears()) {
                try (Arena memory = Arena.ofConfined()) {
                    profile.add(of(linear, block, checkpoint.map(linear.weight(), memory)));
                }
            }
        }
        return profile;
    }

    /// Fraction of all weights of `linears` that is zero.
    public static double overall(List<LinearSparsity> linears) {
        long zeros = linears.stream().mapToLong(LinearSparsity::zeros).sum();
        long weights =
                linears.stream()
                        .mapToLong(linear -> (long) linear.outputs() * linear.inputs())
                        .sum();
        return zeros / (double) weights;
    }

    /// Marks the weights of a matrix that are zero.
    public static Mask zeros(TensorView weight) {
        Mask zeros = new Mask(weight.rows(), weight.columns());
        for (int row = 0; row < weight.rows(); row++) {
            Kernels.best()
                    .weights()
                    .markZeros(
                            weight.row(row),
                            weight.type(),
                            zeros.words(),
                            row * zeros.wordsPerRow());
        }
        return zeros;
    }

    private static LinearSparsity of(Linear linear, int block, TensorView weight) {
        Mask zeros = zeros(weight);
        long count = zeros.count();
        return new LinearSparsity(
                linear.name(),
                block,
                linear.outputs(),
                linear.inputs(),
                count,
                count / ((double) linear.outputs() * linear.inputs()),
                PATTERNS.stream().filter(zeros::follows).findFirst().map(NofM::toString));
    }
}
