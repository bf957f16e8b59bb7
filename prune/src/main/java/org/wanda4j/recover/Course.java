package org.wanda4j.recover;

import java.util.List;
import java.util.Optional;
import org.wanda4j.report.RecoverReport.HeldOut;

/// How the steps of a recovery follow each other.
///
/// Where the result is packed, the first steps compute with exact weights and the rest with rounded ones: the way to the teacher that
/// pruning left takes large steps, which change more rounded numbers than training settles. Each part has a learning rate that rises in
/// a line over its first [#WARM_UP] steps, and then falls along half a cosine to 0 behind its last.
///
/// @param exactLoss of the held-out windows at the start, without rounding; empty where nothing is rounded
/// @param heldOut losses of these windows so far, rounded, that at the start first
/// @param steps in all; empty as long as that is not known
record Course(
        Recovery recovery,
        Optional<Double> exactLoss,
        List<HeldOut> heldOut,
        Optional<Integer> steps) {

    /// Steps that are the same whether their number is known from the start or not.
    static final int WARM_UP = 8;

    /// Most of the steps that compute with exact weights, where some are rounded.
    private static final double MOST_EXACT = 0.8;

    /// Where it would be less, all steps round.
    private static final double LEAST_EXACT = 0.25;

    /// The part of the steps that compute with exact weights: what the loss at the start is without the rounding, of what it is with it.
    double exactShare() {
        if (exactLoss.isEmpty()) {
            return 1;
        }
        double share = Math.min(MOST_EXACT, exactLoss.get() / heldOut.getFirst().loss());
        return share < LEAST_EXACT ? 0 : share;
    }

    /// How many steps compute with exact weights; as long as it is not known how many there are in all, all or none.
    int exact() {
        double share = exactShare();
        if (share == 0) {
            return 0;
        }
        return steps.filter(_ -> exactLoss.isPresent())
                .map(count -> Math.max(WARM_UP, (int) (share * count)))
                .orElse(Integer.MAX_VALUE);
    }

    /// Whether step `step`, from 0, computes with rounded weights.
    boolean rounds(int step) {
        return step >= exact();
    }

    /// The learning rate of step `step`, from 0.
    double rate(int step) {
        double peak = peak(step);
        int inPart = step - first(step);
        if (inPart < WARM_UP) {
            return peak * (inPart + 1) / WARM_UP;
        }
        double done = (inPart - WARM_UP + 1.0) / (length(step) - WARM_UP + 1.0);
        return peak * (1 + Math.cos(Math.PI * done)) / 2;
    }

    /// The highest learning rate of the first part. Its steps are known.
    double peak() {
        return peak(Math.min(WARM_UP, steps.orElseThrow() - 1));
    }

    private double peak(int step) {
        double before = before(step);
        Optional<Integer> count = step < WARM_UP ? Optional.empty() : Optional.of(length(step));
        double rate = recovery.rate(before, count, rounds(step));
        // The user's rate is that of the first part.
        return first(step) > 0 ? Math.min(rate, recovery.usualRate(before, count, true)) : rate;
    }

    /// The first step of the part that step `step` is in.
    int first(int step) {
        return rounds(step) ? exact() : 0;
    }

    /// The number of its steps, which is known behind [#WARM_UP].
    private int length(int step) {
        int count = steps.orElseThrow();
        return rounds(step) ? count - exact() : Math.min(count, exact());
    }

    /// The held-out loss before its first step.
    private double before(int step) {
        return rounds(step)
                ? heldOut.stream()
                        .filter(it -> it.steps() == exact())
                        .findFirst()
                        .orElseThrow()
                        .loss()
                : exactLoss.orElse(heldOut.getFirst().loss());
    }
}
