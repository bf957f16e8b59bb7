package org.wanda4j.runtime.internal.decode;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.wanda4j.model.Block;
import org.wanda4j.runtime.internal.decode.ActivationBuffers.Use;
import org.wanda4j.runtime.internal.decode.DecoderWeights.NormWeights;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Epilogue;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Input;

/// A decoder block on a batch: residual branches, one after the other.
///
/// Unless a norm stands between, each thread adds its own part of a branch's result to the hidden states, while that is in its CPU
/// cache. In a parallel block, the last branch adds the results of all.
final class DecoderBlock {

    private static final Epilogue NO_EPILOGUE = (_, _) -> {};

    private final ParallelKernels kernels;
    private final List<ResidualBranch> branches = new ArrayList<>();

    /// @param result of the mixer, tokens x hidden size
    /// @param added branches whose results are added to the hidden states after this one
    private record ResidualBranch(
            MixerStep mixer,
            Optional<NormWeights> before,
            Optional<NormWeights> after,
            Optional<NormWeights> behind,
            float multiplier,
            Activations result,
            List<ResidualBranch> added) {}

    /// @param mixers of the branches, in their order
    DecoderBlock(
            Block block,
            int hidden,
            List<MixerStep> mixers,
            ParallelKernels kernels,
            DecoderWeights weights,
            ActivationBuffers buffers) {
        this.kernels = kernels;
        for (int i = 0; i < mixers.size(); i++) {
            Block.Branch branch = block.branches().get(i);
            List<ResidualBranch> added = new ArrayList<>();
            var residual =
                    new ResidualBranch(
                            mixers.get(i),
                            branch.before().map(weights::norm),
                            branch.after().map(weights::norm),
                            branch.behind().map(weights::norm),
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

    /// Computes the block's output in place of its input.
    ///
    /// @param hidden tokens x hidden size
    void forward(DecodeBatch batch, Activations hidden) {
        for (ResidualBranch branch : branches) {
            forward(branch, batch, hidden);
        }
    }

    private void forward(ResidualBranch branch, DecodeBatch batch, Activations hidden) {
        int tokens = batch.tokens();
        Activations result = branch.result;
        Input input = new Input(hidden, branch.before);
        if (branch.after.isEmpty()) {
            branch.mixer.run(
                    batch,
                    input,
                    result,
                    branch.added.isEmpty()
                            ? NO_EPILOGUE
                            : (from, to) -> {
                                for (int t = 0; t < tokens; t++) {
                                    add(branch.added, hidden, t * hidden.width() + from, to - from);
                                }
                            });
        } else {
            branch.mixer.run(batch, input, result, NO_EPILOGUE);
            kernels.norm(branch.after.get(), result, result, tokens);
            kernels.threads()
                    .forEach(
                            tokens,
                            (_, t) -> add(branch.added, hidden, t * hidden.width(), hidden.size()));
        }
        branch.behind.ifPresent(norm -> kernels.norm(norm, hidden, hidden, tokens));
    }

    /// Adds `count` values of some branches' results to the hidden states, from index `from` on.
    private void add(List<ResidualBranch> added, Activations hidden, int from, int count) {
        for (ResidualBranch branch : added) {
            float[] x = branch.result.values();
            if (branch.multiplier == 1) {
                kernels.rowKernels().add(x, hidden.values(), from, count);
            } else {
                for (int j = from; j < from + count; j++) {
                    hidden.values()[j] += branch.multiplier * x[j];
                }
            }
        }
    }
}
