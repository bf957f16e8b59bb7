package org.wanda4j.torch;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Architecture.Head;
import org.wanda4j.torch.Weights.LoadedLinear;
import org.wanda4j.torch.Weights.LoadedNorm;

/// From the last hidden states to logits and to the loss of the next token.
public final class TorchHead implements AutoCloseable {

    private static final int LOGITS_AT_ONCE = 1 << 23;

    private final Weights weights;
    private final Optional<LoadedNorm> norm;
    private final Optional<LoadedLinear> project;
    private final Tensor table;
    private final Optional<Tensor> bias;
    private final Head head;
    private final int vocabulary;

    /// @param source from a matrix or vector of the checkpoint to its memory, which must outlive this
    public TorchHead(
            Architecture architecture, Function<MatrixView, TensorView> source, ComputeType type) {
        this(architecture, source, type, Device.HOST);
    }

    /// On a device.
    public TorchHead(
            Architecture architecture,
            Function<MatrixView, TensorView> source,
            ComputeType type,
            Device device) {
        this(architecture, new Weights(source, type, device));
    }

    TorchHead(Architecture architecture, Weights weights) {
        this.weights = weights;
        this.head = architecture.head();
        this.vocabulary = architecture.vocabulary();
        try (var _ = new AutoGradMode(false)) {
            this.norm = head.norm().map(weights::norm);
            this.project = head.project().map(weights::linear);
            this.table =
                    weights.matrix(
                            MatrixView.whole(
                                    head.table(), vocabulary, architecture.embedding().width()));
            this.bias = head.bias().map(name -> weights.load(MatrixView.vector(name, vocabulary)));
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    /// The logits of tokens `from` to `from + count - 1` of a batch, counted through all its windows.
    ///
    /// @return count x vocabulary, in row order
    public float[] logits(Batch batch, long from, int count) {
        try (var _ = new PointerScope()) {
            return Tensors.floats(logits(batch.hidden().narrow(0, from, count)));
        }
    }

    /// Another model's way from the last hidden states to logits.
    ///
    /// @param head of the same vocabulary
    /// @param states the windows of a batch behind the last block of that model
    public record Reference(TorchHead head, Batch states) {}

    /// Predictions of a window: of every token but the first, given those before it.
    ///
    /// @param negativeLogLikelihood summed over them, in nats
    /// @param divergences `KL(reference || this)` at each, in nats; empty without a reference
    /// @param sameChoices at how many the reference finds the same token the most likely
    public record Predictions(double negativeLogLikelihood, float[] divergences, long sameChoices)
            implements Serializable {}

    /// Predicts the tokens of window `window` of a batch.
    public Predictions predict(Batch batch, int window, int[] ids, Optional<Reference> reference) {
        double sum = 0;
        float[] divergences = new float[reference.isPresent() ? ids.length - 1 : 0];
        long same = 0;
        int step = tokensAtOnce(LOGITS_AT_ONCE);
        for (int from = 0; from < ids.length - 1; from += step) {
            int count = Math.min(step, ids.length - 1 - from);
            try (var _ = new PointerScope()) {
                Tensor logits = logits(batch, window, from, count);
                sum += loss(logits, ids, from);
                if (reference.isPresent()) {
                    Reference other = reference.get();
                    Tensor theirs = other.head().logits(other.states(), window, from, count);
                    same += choices(logits).eq(choices(theirs)).sum().item_long();
                    float[] some = Tensors.floats(divergence(logits, theirs));
                    System.arraycopy(some, 0, divergences, from, count);
                }
            }
        }
        return new Predictions(sum, divergences, same);
    }

    /// The most likely token of each row of logits.
    private static Tensor choices(Tensor logits) {
        return logits.argmax(new LongOptional(1), false);
    }

    /// `KL(reference || own)` of each row of logits: `sum p (log p - log q)`. What rounding leaves below 0 is 0.
    private static Tensor divergence(Tensor own, Tensor reference) {
        Tensor q = own.log_softmax(1);
        Tensor p = reference.log_softmax(1);
        return p.exp().mul_(p.sub_(q)).sum(1).clamp_min_(new Scalar(0));
    }

    /// Negative log likelihood of the tokens behind tokens `from` and following, summed over the rows of `logits`; in nats.
    private static double loss(Tensor logits, int[] ids, int from) {
        int count = Math.toIntExact(logits.size(0));
        long[] next = Arrays.stream(ids, from + 1, from + 1 + count).asLongStream().toArray();
        Tensor index = Tensors.beside(logits, Tensors.of(next, count, 1));
        Tensor chosen = logits.gather(1, index).view(count);
        return logits.logsumexp(1).sub(chosen).to(ScalarType.Double).sum().item_double();
    }

    private Tensor logits(Batch batch, int window, int from, int count) {
        return logits(batch.hidden().narrow(0, (long) window * batch.length() + from, count));
    }

    /// Log likelihood of tokens, each given the hidden state of another one, summed; in nats.
    ///
    /// @param givens tokens of the batch that are followed, counted through all its windows
    /// @param ids what follows each
    public double logLikelihood(Batch batch, long[] givens, long[] ids) {
        int step = tokensAtOnce(LOGITS_AT_ONCE);
        double sum = 0;
        for (int from = 0; from < ids.length; from += step) {
            int to = Math.min(from + step, ids.length);
            try (var _ = new PointerScope()) {
                long[] next = Arrays.copyOfRange(ids, from, to);
                long[] given = Arrays.copyOfRange(givens, from, to);
                Tensor all = batch.hidden();
                Tensor logits = logits(all.index_select(0, Tensors.beside(all, Tensors.of(given))));
                Tensor index = Tensors.beside(logits, Tensors.of(next, next.length, 1));
                Tensor chosen = logits.gather(1, index).view(next.length);
                sum += chosen.sub(logits.logsumexp(1)).to(ScalarType.Double).sum().item_double();
            }
        }
        return sum;
    }

    /// Logits of all tokens of which the last hidden states are given: tokens x vocabulary, fp32. Gradients can flow back through
    /// it.
    ///
    /// @param hidden tokens x hidden
    Tensor logits(Tensor hidden) {
        Tensor normed = norm.map(each -> each.apply(hidden)).orElse(hidden);
        Tensor projected = project.map(linear -> linear.apply(normed)).orElse(normed);
        Tensor logits = Tensors.linear(projected.to(table.scalar_type()), table, Optional.empty());
        bias.ifPresent(logits::add_);
        if (head.scale() != 1) {
            logits.mul_(new Scalar(head.scale()));
        }
        return head.cap().stream()
                .mapToObj(cap -> Tensors.capped(logits, cap))
                .findFirst()
                .orElse(logits)
                .to(ScalarType.Float);
    }

    /// How many tokens' logits are made at a time.
    ///
    /// @param values of them, about
    int tokensAtOnce(int values) {
        return Math.max(16, values / vocabulary);
    }

    /// The weights, biases and norms that were loaded.
    Map<MatrixView, Tensor> loaded() {
        return weights.loaded();
    }

    @Override
    public void close() {
        weights.close();
    }
}
