package org.wanda4j.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.wanda4j.model.Block;
import org.wanda4j.runtime.Buffers.Use;
import org.wanda4j.runtime.Compute.Input;
import org.wanda4j.runtime.Compute.Then;
import org.wanda4j.runtime.Weights.Scaling;

/// A decoder block on a batch: residual branches, one after the other.
///
/// What a branch gives is added to the hidden states by the threads that have computed it, while it is in their caches,
/// unless there is a norm between. In a parallel block the last branch adds what all of them gave.
final class DecoderBlock {

    private static final Then NOTHING = (_, _) -> {};

    private final Compute compute;
    private final List<ResidualBranch> branches = new ArrayList<>();

    /// @param result what the mixer gives
    /// @param added branches whose results are added to the hidden states when this one is done
    private record ResidualBranch(
            MixerStep mixer,
            Optional<Scaling> before,
            Optional<Scaling> after,
            Optional<Scaling> behind,
            float multiplier,
            Vectors result,
            List<ResidualBranch> added) {}

    /// @param mixers of the branches, in their order
    DecoderBlock(
            Block block,
            int hidden,
            List<MixerStep> mixers,
            Compute compute,
            Weights weights,
            Buffers buffers) {
        this.compute = compute;
        for (int i = 0; i < mixers.size(); i++) {
            Block.Branch branch = block.branches().get(i);
            List<ResidualBranch> added = new ArrayList<>();
            var residual =
                    new ResidualBranch(
                            mixers.get(i),
                            branch.before().map(weights::scaling),
                            branch.after().map(weights::scaling),
                            branch.behind().map(weights::scaling),
                            (float) branch.multiplier(),
                            buffers.of(Use.RESULT, block.parallel() ? i : 0, hidden),
                            added);
            branches.add(residual);
            if (!block.parallel()) {
                added.add(residual);
            } else if (i == mixers.size() - 1) {
                added.addAll(branches);
            }
        }
    }

    /// Takes the hidden states of a batch to the block's end, in place.
    void forward(Batch batch, Vectors hidden) {
        for (ResidualBranch branch : branches) {
            forward(branch, batch, hidden);
        }
    }

    private void forward(ResidualBranch branch, Batch batch, Vectors hidden) {
        int tokens = batch.tokens();
        Vectors result = branch.result;
        Input input = new Input(hidden, branch.before);
        if (branch.after.isEmpty()) {
            branch.mixer.run(
                    batch,
                    input,
                    result,
                    branch.added.isEmpty()
                            ? NOTHING
                            : (from, to) -> {
                                for (int t = 0; t < tokens; t++) {
                                    add(branch.added, hidden, t * hidden.width() + from, to - from);
                                }
                            });
        } else {
            branch.mixer.run(batch, input, result, NOTHING);
            compute.norm(branch.after.get(), result, result, tokens);
            compute.team()
                    .deal(
                            tokens,
                            (_, t) -> add(branch.added, hidden, t * hidden.width(), hidden.size()));
        }
        branch.behind.ifPresent(norm -> compute.norm(norm, hidden, hidden, tokens));
    }

    /// Adds a part of what some branches gave to the hidden states.
    private void add(List<ResidualBranch> added, Vectors hidden, int from, int count) {
        for (ResidualBranch branch : added) {
            float[] x = branch.result.values();
            if (branch.multiplier == 1) {
                compute.kernels().add(x, hidden.values(), from, count);
            } else {
                for (int j = from; j < from + count; j++) {
                    hidden.values()[j] += branch.multiplier * x[j];
                }
            }
        }
    }
}
