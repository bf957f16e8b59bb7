package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;

/// A decoder block through which gradients flow back, to its input and to the weights that are trained. Hidden states are
/// fp32.
///
/// Between [#forward] and [#backward] nothing of a batch need be kept but its input: the block is computed once more then. Or
/// [#keep] keeps all that the gradients need, which is faster and takes more memory. Both give the same bits.
public final class DifferentiableBlock implements AutoCloseable {

    private final TorchBlock block;
    private final List<TrainedWeight> trained = new ArrayList<>();
    private final List<Tensor> leaves = new ArrayList<>();

    /// @param trained the weights that are trained, by where they lie in the checkpoint
    /// @param fixed the others
    /// @param products what linears multiply in
    /// @param length tokens of every window
    /// @param memory for what is mapped; outlives this
    public DifferentiableBlock(
            Block description,
            Map<MatrixView, TrainedWeight> trained,
            FixedWeights fixed,
            ComputeType products,
            int length,
            Arena memory) {
        this.block =
                new TorchBlock(
                        description, Weights.mixed(trained, fixed, products, memory), length);
        block.parameters(trained::containsKey)
                .forEach((view, tensor) -> {
                    this.trained.add(trained.get(view));
                    leaves.add(tensor.requires_grad_(true));
                });
    }

    /// Bytes that [#keep] keeps of a window, about.
    ///
    /// @param hidden size of the hidden state
    public static long keptBytes(Block block, int hidden, int length) {
        double values = 8.0 * hidden * block.branches().size();
        for (Stage stage : block.stages()) {
            for (Linear linear : stage.linears()) {
                values += block.shareOfTokens(stage) * (linear.inputs() + 2.0 * linear.outputs());
            }
        }
        // Of each head's weights, all but half of the square above the diagonal.
        values += block.attentions().mapToDouble(it -> 0.75 * it.heads() * length).sum();
        return Math.round(values * length * Float.BYTES);
    }

    /// Computes the block. For a task of [Engine#forEach].
    ///
    /// @param output receives the hidden states behind it; may be the input
    public void forward(Batch input, Batch output) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            output.hidden()
                    .copy_(block.differentiable(input.hidden(), input.windows(), input.length()));
        }
    }

    /// The block as it was computed for a batch, with all that its gradients need, until it is closed.
    public static final class Kept implements AutoCloseable {

        private final Tensor input;
        private final Tensor output;

        private Kept(Tensor input, Tensor output) {
            this.input = input;
            this.output = output;
            input.retainReference();
            output.retainReference();
        }

        @Override
        public void close() {
            output.releaseReference();
            input.releaseReference();
        }
    }

    /// Computes the block, and keeps what its gradients need. For a task of [Engine#forEach].
    ///
    /// @param input stays as it is while that is kept
    /// @param output receives the hidden states behind the block
    @SuppressWarnings("MustBeClosed") // The caller does.
    public Kept keep(Batch input, Batch output) {
        try (var _ = new PointerScope()) {
            Kept kept = keep(input);
            try (var _ = new AutoGradMode(false)) {
                output.hidden().copy_(kept.output);
            }
            return kept;
        }
    }

    private Kept keep(Batch input) {
        try (var _ = new AutoGradMode(true)) {
            Tensor read = input.hidden().detach().requires_grad_(true);
            return new Kept(read, block.differentiable(read, input.windows(), input.length()));
        }
    }

    /// Computes the block once more, and its gradients. For a task of [Engine#forEach].
    ///
    /// @param index of the batch
    /// @param gradient of the loss with respect to the hidden states behind the block; receives that of those before it
    /// @param sum receives the gradients of what is trained
    public void backward(int index, Batch input, Batch gradient, GradientSum sum) {
        try (var _ = new PointerScope();
                Kept kept = keep(input)) {
            backward(index, kept, gradient, sum);
        }
    }

    /// Computes the gradients of a block that was computed before. For a task of [Engine#forEach]; once.
    ///
    /// @param index of the batch
    /// @param gradient of the loss with respect to the hidden states behind the block; receives that of those before it
    /// @param sum receives the gradients of what is trained
    public void backward(int index, Kept kept, Batch gradient, GradientSum sum) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            List<Tensor> inputs = new ArrayList<>(leaves);
            inputs.add(kept.input);
            List<Tensor> gradients =
                    Autograd.gradients(kept.output, inputs, Optional.of(gradient.hidden()));
            gradient.hidden().copy_(gradients.getLast());
            sum.add(index, trained, gradients);
        }
    }

    @Override
    public void close() {
        block.close();
    }
}
