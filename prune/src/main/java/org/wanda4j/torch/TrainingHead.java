package org.wanda4j.torch;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.model.Architecture;
import org.wanda4j.torch.TorchHead.Reference;

/// From the last hidden states to the loss of a model that is trained, and back. Logits are made for some tokens at a time and
/// never exist whole.
public final class TrainingHead implements AutoCloseable {

    /// Logits of a thread at a time, about: several tensors of as many values are needed.
    private static final int LOGITS_AT_ONCE = 1 << 22;

    /// The same on a device.
    private static final int LOGITS_AT_ONCE_ON_DEVICE = 1 << 26;

    private final TorchHead head;
    private final int logitsAtOnce;
    private final List<TrainedWeight> trained = new ArrayList<>();
    private final List<Tensor> leaves = new ArrayList<>();

    /// What logits should be.
    public sealed interface Target {

        /// As a teacher's: the loss is `t^2 KL(softmax(teacher / t) || softmax(student / t))`, which is summed over all tokens.
        ///
        /// @param temperature `t`
        record Teacher(Reference teacher, double temperature) implements Target {}

        /// The next token: the loss is its negative log likelihood, which is summed over all tokens but the last of each window.
        ///
        /// @param ids of each window of the batch
        record Next(List<int[]> ids) implements Target {}
    }

    /// The loss of some tokens, and its gradient with respect to their logits.
    private record Loss(double sum, Tensor gradient) {}

    /// @param trained the weights that are trained, by where they lie in the checkpoint; the table is not
    /// @param fixed the others
    /// @param products what linears multiply in
    /// @param memory for what is mapped; outlives this
    public TrainingHead(
            Architecture architecture,
            Map<MatrixView, TrainedWeight> trained,
            FixedWeights fixed,
            ComputeType products,
            Arena memory) {
        this.logitsAtOnce = fixed.device().isHost() ? LOGITS_AT_ONCE : LOGITS_AT_ONCE_ON_DEVICE;
        this.head = new TorchHead(architecture, Weights.mixed(trained, fixed, products, memory));
        head.loaded()
                .forEach((view, tensor) -> {
                    if (trained.containsKey(view)) {
                        this.trained.add(trained.get(view));
                        leaves.add(tensor.requires_grad_(true));
                    }
                });
    }

    /// The sum of a batch's losses. For a task of [Engine#forEach].
    ///
    /// @param states behind the last block
    public double loss(Target target, Batch states) {
        double sum = 0;
        long step = step(states);
        for (long from = 0; from < states.tokens(); from += step) {
            long count = Math.min(step, states.tokens() - from);
            try (var _ = new PointerScope();
                    var _ = new AutoGradMode(false)) {
                Tensor logits = head.logits(states.hidden().narrow(0, from, count));
                sum += loss(logits, target, states, from, count).sum();
            }
        }
        return sum;
    }

    /// The sum of a batch's losses, and its gradients. For a task of [Engine#forEach].
    ///
    /// @param index of the batch
    /// @param states behind the last block
    /// @param scale of the gradients
    /// @param gradient receives that of the states
    /// @param total receives those of what is trained
    public double loss(
            Target target,
            int index,
            Batch states,
            double scale,
            Batch gradient,
            GradientSum total) {
        double sum = 0;
        long step = step(states);
        try (var _ = new PointerScope()) {
            List<Tensor> sums =
                    leaves.stream().map(leaf -> torch.zeros_like(leaf.detach())).toList();
            for (long from = 0; from < states.tokens(); from += step) {
                long count = Math.min(step, states.tokens() - from);
                sum += part(target, states, from, count, scale, gradient, sums);
            }
            total.add(index, trained, sums);
        }
        return sum;
    }

    /// How many tokens to take at a time: about as many each time.
    private long step(Batch states) {
        long most = head.tokensAtOnce(logitsAtOnce);
        return Math.ceilDiv(states.tokens(), Math.ceilDiv(states.tokens(), most));
    }

    /// @param sums of gradients of what is trained; those of these tokens are added
    private double part(
            Target target,
            Batch states,
            long from,
            long count,
            double scale,
            Batch gradient,
            List<Tensor> sums) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(true)) {
            Tensor read = states.hidden().narrow(0, from, count).detach().requires_grad_(true);
            Tensor logits = head.logits(read);
            Loss loss = loss(logits.detach(), target, states, from, count);
            List<Tensor> inputs = new ArrayList<>(leaves);
            inputs.add(read);
            List<Tensor> gradients =
                    Autograd.gradients(
                            logits, inputs, Optional.of(loss.gradient().mul_(new Scalar(scale))));
            try (var _ = new AutoGradMode(false)) {
                gradient.hidden().narrow(0, from, count).copy_(gradients.getLast());
                for (int i = 0; i < leaves.size(); i++) {
                    sums.get(i).add_(gradients.get(i));
                }
            }
            return loss.sum();
        }
    }

    /// @param logits of tokens `from` to `from + count - 1` of the batch; may be written over
    private Loss loss(Tensor logits, Target target, Batch states, long from, long count) {
        return switch (target) {
            case Target.Teacher teacher -> divergence(logits, teacher, from, count);
            case Target.Next next -> surprise(logits, next, states.length(), from, count);
        };
    }

    private static Loss divergence(Tensor logits, Target.Teacher teacher, long from, long count) {
        double temperature = teacher.temperature();
        Reference reference = teacher.teacher();
        Tensor wanted =
                logProbabilities(
                        reference.head().logits(reference.states().hidden().narrow(0, from, count)),
                        temperature);
        Tensor given = logProbabilities(logits, temperature);
        Tensor probabilities = wanted.exp();
        double sum = total(wanted.sub_(given).mul_(probabilities));
        return new Loss(
                temperature * temperature * sum,
                given.exp_().sub_(probabilities).mul_(new Scalar(temperature)));
    }

    /// @param length tokens of a window
    private static Loss surprise(
            Tensor logits, Target.Next next, int length, long from, long count) {
        long[] following = new long[(int) count];
        float[] counted = new float[following.length];
        for (int i = 0; i < following.length; i++) {
            int[] window = next.ids().get((int) ((from + i) / length));
            int place = (int) ((from + i) % length);
            boolean last = place == length - 1;
            following[i] = last ? 0 : window[place + 1];
            counted[i] = last ? 0 : 1;
        }
        Tensor chosen = Tensors.beside(logits, Tensors.of(following, count, 1));
        Tensor weights = Tensors.beside(logits, Tensors.of(counted, count, 1));
        Tensor given = logProbabilities(logits, 1);
        double sum = -total(given.gather(1, chosen).mul_(weights));
        Tensor gradient = given.exp_();
        gradient.scatter_add_(1, chosen, torch.full_like(weights, new Scalar(-1)));
        return new Loss(sum, gradient.mul_(weights));
    }

    private static Tensor logProbabilities(Tensor logits, double temperature) {
        Tensor scaled = temperature == 1 ? logits : logits.div(new Scalar(temperature));
        return scaled.log_softmax(-1, new ScalarTypeOptional());
    }

    /// The sum of all values, each row in fp32.
    private static double total(Tensor values) {
        return values.sum(new long[] {1}, false, new ScalarTypeOptional())
                .to(ScalarType.Double)
                .sum()
                .item_double();
    }

    @Override
    public void close() {
        head.close();
    }
}
