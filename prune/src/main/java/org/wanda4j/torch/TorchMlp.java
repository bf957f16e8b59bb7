package org.wanda4j.torch;

import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Mlp;
import org.wanda4j.torch.Weights.LoadedLinear;

/// An MLP: gate and up, then down.
record TorchMlp(Mlp mlp, Map<String, LoadedLinear> linears) implements TorchMixer {

    @Override
    public void advance(Tensor input, Batch batch, Tensor result) {
        activate(input, result);
    }

    /// @param input tokens x hidden
    /// @param result tokens x inner; may share the input's memory
    void activate(Tensor input, Tensor result) {
        Tensor up = linears.get(mlp.up().name()).apply(input);
        mlp.gate()
                .map(gate -> linears.get(gate.name()).apply(input))
                .ifPresentOrElse(
                        gate -> torch.mul_out(result, activated(gate), up),
                        () -> result.copy_(activated(up)));
    }

    /// tokens x inner
    Tensor active(Tensor input) {
        Tensor up = linears.get(mlp.up().name()).apply(input);
        return mlp.gate()
                .map(gate -> activated(linears.get(gate.name()).apply(input)).mul(up))
                .orElseGet(() -> activated(up));
    }

    private Tensor activated(Tensor values) {
        return switch (mlp.activation()) {
            case Activation.SILU -> torch.silu_(values);
            case Activation.RELU -> torch.relu_(values);
            case Activation.GELU -> torch.gelu_(values, "none");
            case Activation.GELU_TANH -> torch.gelu_(values, "tanh");
        };
    }

    LoadedLinear down() {
        return linears.get(mlp.down().name());
    }

    @Override
    public Optional<LoadedLinear> last() {
        return Optional.of(down());
    }

    @Override
    public Tensor differentiable(Tensor input, int windows, int length) {
        return down().apply(active(input));
    }
}
