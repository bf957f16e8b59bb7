package org.wanda4j.runtime.internal.decode;

import java.util.List;
import java.util.Optional;
import org.wanda4j.model.Activation;
import org.wanda4j.model.Mlp;
import org.wanda4j.runtime.internal.decode.ActivationBuffers.Use;
import org.wanda4j.runtime.internal.decode.DecoderWeights.Projection;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Epilogue;
import org.wanda4j.runtime.internal.decode.ParallelKernels.Input;

/// An MLP on a batch.
final class MlpStep implements MixerStep {

    /// `sqrt(2 / pi)`, twice: `(1 + tanh(u)) / 2` is `1 / (1 + exp(-2 u))`.
    private static final float TWICE = (float) (2 * Math.sqrt(2 / Math.PI));

    /// Factor of the cube in the approximation of GELU (Hendrycks and Gimpel, 2016).
    private static final float CUBIC = 0.044715f;

    private final Activation activation;
    private final boolean gated;
    private final ParallelKernels kernels;
    private final ActivationBuffers buffers;
    private final int width;
    private final List<Projection> first;
    private final List<Projection> down;
    private final Between between;

    /// Activations between the two steps of an MLP.
    ///
    /// @param active output of the gate, or of `up` where there is no gate; then what is activated
    /// @param up output of `up` where there is a gate
    /// @param products outputs of the linears of the first step
    record Between(Activations active, Activations up, List<Activations> products) {}

    MlpStep(Mlp mlp, ParallelKernels kernels, DecoderWeights weights, ActivationBuffers buffers) {
        this.activation = mlp.activation();
        this.gated = mlp.gate().isPresent();
        this.kernels = kernels;
        this.buffers = buffers;
        this.width = mlp.width();
        this.first = mlp.first().stream().map(weights::projection).toList();
        this.down = List.of(weights.projection(mlp.down()));
        this.between = between(0);
    }

    /// Buffers for this MLP, where it is number `number` of those that are computed together.
    Between between(int number) {
        Activations active = buffers.of(Use.ACTIVE, number, width);
        Activations up = buffers.of(Use.UP, number, width);
        return new Between(active, up, gated ? List.of(active, up) : List.of(active));
    }

    /// The linears of the first step.
    List<Projection> first() {
        return first;
    }

    /// The linear of the last step.
    Projection down() {
        return down.getFirst();
    }

    @Override
    public void run(DecodeBatch batch, Input input, Activations result, Epilogue epilogue) {
        run(batch.tokens(), input, result, epilogue);
    }

    /// @param tokens number of vectors in the input
    void run(int tokens, Input input, Activations result, Epilogue epilogue) {
        Activations active = between.active;
        between.up.reserve(tokens);
        kernels.project(
                first,
                input,
                tokens,
                between.products,
                (from, to) -> {
                    for (int t = 0; t < tokens; t++) {
                        activate(between, t * active.width() + from, to - from);
                    }
                });
        kernels.project(
                down, new Input(active, Optional.empty()), tokens, List.of(result), epilogue);
    }

    /// `activation(gate) * up`, or `activation(up)` where there is no gate; in place of the gate, or of `up`.
    void activate(Between between, int from, int count) {
        float[] x = between.active.values();
        float[] factors = between.up.values();
        if (activation == Activation.SILU && gated) {
            kernels.rowKernels().silu(x, factors, from, count);
        } else if (activation == Activation.GELU_TANH) {
            activateByTanh(x, factors, from, count);
        } else {
            for (int j = from; j < from + count; j++) {
                float y = activated(x[j]);
                x[j] = gated ? y * factors[j] : y;
            }
        }
    }

    /// GELU's approximation is `x / (1 + exp(-s x))`, where `s` depends on x: SILU of `s x`, divided by `s`.
    private void activateByTanh(float[] x, float[] factors, int from, int count) {
        for (int j = from; j < from + count; j++) {
            float s = TWICE * (1 + CUBIC * x[j] * x[j]);
            factors[j] = (gated ? factors[j] : 1) / s;
            x[j] *= s;
        }
        kernels.rowKernels().silu(x, factors, from, count);
    }

    private float activated(float x) {
        return switch (activation) {
            case SILU -> x / (1 + (float) Math.exp(-x));
            case RELU -> Math.max(0, x);
            case GELU, GELU_TANH -> (float) (x / 2 * (1 + ErrorFunction.of(x / Math.sqrt(2))));
        };
    }
}
