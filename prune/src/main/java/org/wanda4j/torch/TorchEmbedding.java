package org.wanda4j.torch;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.torch.Weights.LoadedLinear;
import org.wanda4j.torch.Weights.LoadedNorm;

/// From token ids to the hidden states that the first block reads.
public final class TorchEmbedding implements AutoCloseable {

    private final Weights weights;
    private final ComputeType type;
    private final Tensor table;
    private final Optional<Tensor> positions;
    private final Optional<LoadedLinear> project;
    private final Optional<LoadedNorm> norm;
    private final double scale;
    private final int firstPosition;

    /// @param source from a matrix or vector of the checkpoint to its memory, which must outlive this
    public TorchEmbedding(
            Architecture architecture, Function<MatrixView, TensorView> source, ComputeType type) {
        this(architecture, source, type, Device.HOST);
    }

    /// On a device, but for the table.
    public TorchEmbedding(
            Architecture architecture,
            Function<MatrixView, TensorView> source,
            ComputeType type,
            Device device) {
        this.weights = new Weights(source, type, device);
        this.type = type;
        var embedding = architecture.embedding();
        this.scale = embedding.scale();
        try (var _ = new AutoGradMode(false)) {
            // The table stays in its own type and on the host: only the rows that occur are
            // converted.
            this.table =
                    weights.keep(
                            Tensors.over(
                                    source.apply(
                                            MatrixView.whole(
                                                    embedding.tokens(),
                                                    architecture.vocabulary(),
                                                    embedding.width()))));
            this.positions =
                    embedding
                            .positions()
                            .map(learned ->
                                    weights.load(
                                            MatrixView.whole(
                                                    learned.table(),
                                                    architecture.positions() + learned.offset(),
                                                    architecture.hidden())));
            this.norm = embedding.norm().map(weights::norm);
            this.project = embedding.project().map(weights::linear);
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
        this.firstPosition =
                embedding.positions().map(Architecture.LearnedPositions::offset).orElse(0);
    }

    /// Sets the hidden states of a batch.
    ///
    /// @param ids one window each, in the batch's order and of its length
    public void embed(List<int[]> ids, Batch batch) {
        long[] flat = ids.stream().flatMapToInt(Arrays::stream).asLongStream().toArray();
        Tensor rows =
                Tensors.beside(
                        batch.hidden(), table.index_select(0, Tensors.of(flat)).to(type.scalar()));
        if (scale != 1) {
            // A tensor of the type: the factor is rounded too, as transformers does.
            rows.mul_(torch.full(new long[] {1}, new Scalar(scale), rows.options()));
        }
        Tensor hidden = project.map(linear -> linear.apply(rows)).orElse(rows);
        positions.ifPresent(learned ->
                hidden.view(batch.windows(), batch.length(), -1)
                        .add_(
                                batch.tree()
                                        .map(tree -> along(learned, tree))
                                        .orElseGet(() ->
                                                learned.narrow(0, firstPosition, batch.length()))));
        batch.hidden().copy_(norm.map(each -> each.apply(hidden)).orElse(hidden));
    }

    private Tensor along(Tensor learned, Tree tree) {
        long[] rows = tree.positions();
        Arrays.setAll(rows, i -> rows[i] + firstPosition);
        return learned.index_select(0, Tensors.beside(learned, Tensors.of(rows)));
    }

    @Override
    public void close() {
        weights.close();
    }
}
