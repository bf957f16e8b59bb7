package org.wanda4j.torch;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
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
        this.weights = new Weights(source, type);
        this.head = architecture.head();
        this.vocabulary = architecture.vocabulary();
        try (var _ = new AutoGradMode(false)) {
            this.norm = head.norm().map(weights::norm);
            this.project = head.project().map(weights::linear);
            this.table =
                    weights.load(
                            MatrixView.whole(
                                    head.table(), vocabulary, architecture.embedding().width()));
            this.bias = head.bias().map(name -> weights.load(MatrixView.vector(name, vocabulary)));
        }
    }

    /// The logits of tokens `from` to `from + count - 1` of a batch, counted through all its windows.
    ///
    /// @return count x vocabulary, in row order
    public float[] logits(Batch batch, long from, int count) {
        try (var _ = new PointerScope()) {
            float[] values = new float[Math.multiplyExact(count, vocabulary)];
            logits(batch.hidden().narrow(0, from, count)).contiguous().data_ptr_float().get(values);
            return values;
        }
    }

    /// Negative log likelihood of the tokens of window `window` of a batch, each given those before it, summed over
    /// all but the first; in nats.
    public double negativeLogLikelihood(Batch batch, int window, int[] ids) {
        int step = Math.max(16, LOGITS_AT_ONCE / vocabulary);
        long start = (long) window * batch.length();
        double sum = 0;
        for (int from = 0; from < ids.length - 1; from += step) {
            int count = Math.min(step, ids.length - 1 - from);
            try (var _ = new PointerScope()) {
                long[] next =
                        Arrays.stream(ids, from + 1, from + 1 + count).asLongStream().toArray();
                Tensor targets = Tensors.of(next, count, 1);
                Tensor logits = logits(batch.hidden().narrow(0, start + from, count));
                Tensor chosen = logits.gather(1, targets).view(count);
                Tensor losses = logits.logsumexp(1).sub(chosen);
                sum += losses.to(ScalarType.Double).sum().item_double();
            }
        }
        return sum;
    }

    /// Log likelihood of tokens, each given the hidden state of another one, summed; in nats.
    ///
    /// @param givens tokens of the batch that are followed, counted through all its windows
    /// @param ids what follows each
    public double logLikelihood(Batch batch, long[] givens, long[] ids) {
        int step = Math.max(16, LOGITS_AT_ONCE / vocabulary);
        double sum = 0;
        for (int from = 0; from < ids.length; from += step) {
            int to = Math.min(from + step, ids.length);
            try (var _ = new PointerScope()) {
                long[] next = Arrays.copyOfRange(ids, from, to);
                long[] given = Arrays.copyOfRange(givens, from, to);
                Tensor hidden = batch.hidden().index_select(0, Tensors.of(given));
                Tensor logits = logits(hidden);
                Tensor chosen =
                        logits.gather(1, Tensors.of(next, next.length, 1)).view(next.length);
                sum += chosen.sub(logits.logsumexp(1)).to(ScalarType.Double).sum().item_double();
            }
        }
        return sum;
    }

    private Tensor logits(Tensor hidden) {
        Tensor normed = norm.map(each -> each.apply(hidden)).orElse(hidden);
        Tensor projected = project.map(linear -> linear.apply(normed)).orElse(normed);
        Tensor logits = torch.linear(projected, table);
        bias.ifPresent(logits::add_);
        if (head.scale() != 1) {
            logits.mul_(new Scalar(head.scale()));
        }
        head.cap().ifPresent(cap -> logits.div_(new Scalar(cap)).tanh_().mul_(new Scalar(cap)));
        return logits.to(ScalarType.Float);
    }

    @Override
    public void close() {
        weights.close();
    }
}
