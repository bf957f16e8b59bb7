package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Block;
import org.wanda4j.sparse.Mask;

/// A block whose weights are being fitted by [Adam]: in fp32, but for the products of its linears. Weights that were removed
/// stay zero.
public final class BlockTraining implements AutoCloseable {

    private static final double TINY = 1e-12;

    private final Device device;
    private final Map<MatrixView, MirroredTensor> values = new LinkedHashMap<>();
    private final List<Tensor> parameters = new ArrayList<>();

    /// 1 for weights that stay, by the parameters' order; empty where all do.
    private final List<Optional<Tensor>> masks = new ArrayList<>();

    private final List<Tensor> kept = new ArrayList<>();
    private final TorchBlock block;

    /// One for each parameter.
    private final List<Adam> rules = new ArrayList<>();

    private int steps;

    /// Gradients of one batch, in the order of the parameters.
    public record Gradient(List<Tensor> tensors) {}

    /// @param source from a matrix or vector to its values at the start
    /// @param trained which of them are fitted; the others stay as they are
    /// @param masks which weights of a matrix were removed
    /// @param products what linears multiply in, forward and back
    /// @param length tokens of every window
    /// @param device that trains
    /// @param memory that outlives this
    public BlockTraining(
            Block description,
            Function<MatrixView, TensorView> source,
            Predicate<MatrixView> trained,
            Map<MatrixView, Mask> masks,
            ComputeType products,
            int length,
            Device device,
            Arena memory) {
        this.device = device;
        this.block =
                new TorchBlock(
                        description,
                        Weights.fp32(
                                view ->
                                        values.computeIfAbsent(
                                                        view,
                                                        key ->
                                                                new MirroredTensor(
                                                                        Rounding.to(
                                                                                DType.F32,
                                                                                source.apply(key),
                                                                                memory),
                                                                        device))
                                                .tensor(),
                                products,
                                device),
                        length);
        block.parameters(trained)
                .forEach((view, parameter) -> {
                    MirroredTensor value = values.get(view);
                    var gradient = MirroredTensor.zeros(value.host(), device, memory);
                    var variable = new Variable(value, gradient, false);
                    rules.add(new Adam(variable, device, memory));
                    train(parameter, Optional.ofNullable(masks.get(view)));
                });
    }

    private void train(Tensor parameter, Optional<Mask> mask) {
        try (var _ = new PointerScope()) {
            masks.add(mask.map(removed -> keep(device.here(Tensors.surviving(removed)))));
        }
        parameters.add(parameter.requires_grad_(true));
    }

    private Tensor keep(Tensor tensor) {
        tensor.retainReference();
        kept.add(tensor);
        return tensor;
    }

    /// How far the block takes `input` from its targets, and which way to change its weights. For a task of
    /// [Engine#forEach].
    ///
    /// @param targets where the hidden states behind each branch are to be, [Block#states()] of them
    /// @param scale of the loss: one over the number of values that it is the mean of
    public Gradient gradient(Batch input, List<Batch> targets, double scale) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(true)) {
            Tensor error = relativeError(input, targets);
            List<Tensor> gradients =
                    Autograd.gradients(error.mul(new Scalar(scale)), parameters, Optional.empty());
            List<Tensor> tensors = new ArrayList<>();
            for (int i = 0; i < parameters.size(); i++) {
                Tensor whole = gradients.get(i);
                Tensor gradient =
                        whole.defined()
                                ? masks.get(i).map(whole::mul).orElseGet(whole::clone)
                                : unused(parameters.get(i));
                gradient.retainReference();
                tensors.add(gradient);
            }
            return new Gradient(tensors);
        }
    }

    /// The gradient of an expert's weight where none of the batch's tokens goes to that expert.
    private static Tensor unused(Tensor parameter) {
        return torch.zeros_like(parameter.detach());
    }

    /// The sum over a batch of the squared differences from each of the targets, each divided by the mean square of its token in
    /// the target. For a task of [Engine#forEach].
    public double error(Batch input, List<Batch> targets) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            return relativeError(input, targets).item_double();
        }
    }

    /// Each token's squared difference counts in units of the target's mean square, as the norm that comes next sees it:
    /// without that, the few tokens with massive activations would be all that is trained for.
    private Tensor relativeError(Batch input, List<Batch> targets) {
        Tensor wide = input.hidden().to(ScalarType.Float);
        List<Tensor> states = block.differentiableStates(wide, input.windows(), input.length());
        Tensor sum = relativeError(states.getFirst(), targets.getFirst());
        for (int i = 1; i < states.size(); i++) {
            sum = sum.add(relativeError(states.get(i), targets.get(i)));
        }
        return sum;
    }

    private static Tensor relativeError(Tensor state, Batch target) {
        Tensor wanted = target.hidden().to(ScalarType.Float);
        Tensor size = wanted.square().mean(new long[] {1}, true, new ScalarTypeOptional());
        return state.sub(wanted).square().div(size.clamp_min(new Scalar(TINY))).sum();
    }

    /// One step of Adam against the sum of `gradients`, which are freed; each parameter is a task.
    public void step(Engine engine, List<Gradient> gradients, double learningRate) {
        engine.forEach(
                rules.size(),
                i -> {
                    Adam rule = rules.get(i);
                    Tensor sum = rule.variable().gradient().tensor();
                    sum.copy_(gradients.getFirst().tensors().get(i));
                    for (Gradient other : gradients.subList(1, gradients.size())) {
                        sum.add_(other.tensors().get(i));
                    }
                    rule.update(steps, learningRate, 1);
                });
        steps++;
        gradients.forEach(gradient -> gradient.tensors().forEach(Tensor::releaseReference));
    }

    /// The values as they are now, in fp32; on the host, they change with the next step; on a device, they are copied.
    public Map<MatrixView, TensorView> values() {
        Map<MatrixView, TensorView> onHost = new LinkedHashMap<>();
        values.forEach((view, value) -> {
            value.download();
            onHost.put(view, value.host());
        });
        return onHost;
    }

    @Override
    public void close() {
        kept.forEach(Tensor::releaseReference);
        block.close();
        for (Adam rule : rules) {
            rule.state().forEach(MirroredTensor::close);
            rule.variable().gradient().close();
        }
        values.values().forEach(MirroredTensor::close);
    }
}
