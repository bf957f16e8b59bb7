package org.wanda4j.method;

import java.lang.foreign.Arena;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.sparse.Mask;
import org.wanda4j.sparse.SparsityPattern;
import org.wanda4j.sparse.SparsityPattern.Unstructured;

/// Alternating directions (Boza, 2024): the weights that stay are fitted to the dense linear's output, while the mask
/// grows.
///
/// With `G = X^T X` scaled to a diagonal of ones and damped, and `W' = W d` with `d` the root of G's diagonal, each round
/// does `Z = mask(W' + U)`, `U <- U + W' - Z`, `W' = (W d G + Z - U) (G + I)^-1`. The result is `(W' + U) * mask / d`. In
/// round k of the first [#growing()] the mask has the sparsity `s (1 - (1 - k / growing)^3)`; `|W' + U|`, whose columns have
/// Wanda's norms in them, is the score, whatever the importance.
///
/// @param rounds in all
/// @param growing rounds until the mask is complete, after which it stays
/// @param damping added to the diagonal of ones
public record Admm(int rounds, int growing, double damping) implements IterativeUpdate {

    @Override
    public Statistic needs() {
        return Statistic.GRAM;
    }

    @Override
    public String cost() {
        return "an inverse and " + rounds + " products";
    }

    /// A Cholesky factor (n^3 / 3) and the inverse from it (2 n^3 / 3).
    @Override
    public double sharedOperations(long inputs) {
        return Math.pow((double) inputs, 3);
    }

    /// A product each round.
    @Override
    public double operations(long outputs, long inputs) {
        return 2.0 * rounds * (double) outputs * inputs * inputs;
    }

    @Override
    public int choices() {
        return growing;
    }

    @Override
    public PrunedLinear prune(PruneTask task, Importance importance, Selection selection) {
        try (Arena scratch = Arena.ofShared()) {
            AdmmFit fit = new AdmmFit(task, damping, scratch);
            Mask mask = fit.mask(selection, patternOf(1, task.pattern()));
            for (int round = 1; round <= rounds; round++) {
                fit.round(mask);
                if (round < growing) {
                    mask = fit.mask(selection, patternOf(round + 1, task.pattern()));
                }
            }
            fit.finish(mask);
            return new PrunedLinear(task.updated(fit.sum()), mask);
        }
    }

    SparsityPattern patternOf(int round, SparsityPattern last) {
        double left = 1 - (double) Math.min(round, growing) / growing;
        return last instanceof Unstructured(double sparsity)
                ? new Unstructured(sparsity * (1 - left * left * left))
                : last;
    }
}
