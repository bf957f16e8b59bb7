package org.wanda4j.torch;

import java.util.Map;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.model.Attention;
import org.wanda4j.model.Experts;
import org.wanda4j.model.Mixer;
import org.wanda4j.model.Mlp;
import org.wanda4j.torch.Weights.LoadedLinear;

/// A [Mixer] in libtorch, step by step.
///
/// What goes from one step to the next lies in memory that is given: the mixer's input, tokens x hidden, before the first
/// step; then tokens x [Mixer#width()] values, which may overwrite it.
interface TorchMixer {

    /// @param linears the block's, by name; an entry changes when a linear is replaced
    /// @param length tokens of every window
    static TorchMixer of(
            Mixer mixer, Map<String, LoadedLinear> linears, Weights weights, int length) {
        return switch (mixer) {
            case Attention attention -> new TorchAttention(attention, linears, weights, length);
            case Mlp mlp -> new TorchMlp(mlp, linears);
            case Experts experts -> new TorchExperts(experts, linears, weights);
        };
    }

    /// The first step's linears and what follows them, up to the inputs of the second step's.
    ///
    /// @param input tokens x hidden
    /// @param batch which windows they are
    /// @param result tokens x [Mixer#width()], may share the input's memory
    void advance(Tensor input, Batch batch, Tensor result);

    /// The last step's linears.
    ///
    /// @param entered the mixer's input: tokens x hidden
    /// @param between what [#advance] wrote
    /// @return tokens x hidden
    default Tensor finish(Supplier<Tensor> entered, Tensor between) {
        return last().orElseThrow().apply(between);
    }

    /// The last step's linear where the result is no more than its product, so that it can be added as it is computed.
    default Optional<LoadedLinear> last() {
        return Optional.empty();
    }

    /// What the linears of a step's groups read: from a group's number to its input.
    ///
    /// @param step its number
    /// @param entered the mixer's input: tokens x hidden
    /// @param between what [#advance] wrote, where the step is not the first
    /// @param everything whether every token counts, those too that are not routed there
    default IntFunction<StageInput> inputs(
            int step, Supplier<Tensor> entered, Tensor between, boolean everything) {
        return _ -> StageInput.all(step == 0 ? entered.get() : between);
    }

    /// The mixer without writing over anything, so that gradients can flow back through it.
    ///
    /// @param input tokens x hidden
    /// @return tokens x hidden
    Tensor differentiable(Tensor input, int windows, int length);
}
