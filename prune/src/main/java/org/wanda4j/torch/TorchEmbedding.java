package org.wanda4j.torch;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Architecture;
import org.wanda4j.torch.Weights.LoadedLinear;

/// From token ids to the hidden states that the first block reads.
public final class TorchEmbedding implements AutoCloseable {

    private final Weights weights;
    private final ComputeType type;
    private final Tensor table;
    private final Optional<Tensor> positions;
    private final Optional<LoadedLinear> project;
    private final int firstPosition;

    /// @param source from a tensor's name to its memory, which must outlive this
    public TorchEmbedding(
            Architecture architecture, Function<String, TensorView> source, ComputeType type) {
        this.weights = new Weights(source, type);
        this.type = type;
        var embedding = architecture.embedding();
        try (var _ = new AutoGradMode(false)) {
            // The table stays in its own type: only the rows that occur are converted.
            this.table = weights.keep(Tensors.over(source.apply(embedding.tokens())));
            this.positions = embedding.positions().map(learned -> weights.load(learned.table()));
            this.project = embedding.project().map(weights::linear);
        }
        this.firstPosition = embedding.positions().map(Architecture.Positions::offset).orElse(0);
    }

    /// Sets the hidden states of a batch.
    ///
    /// @param ids one window each, in the batch's order and of its length
    public void embed(List<int[]> ids, Batch batch) {
        long[] flat = ids.stream().flatMapToInt(Arrays::stream).asLongStream().toArray();
        Tensor rows = table.index_select(0, index(flat)).to(type.scalar());
        Tensor hidden = project.map(linear -> linear.apply(rows)).orElse(rows);
        positions.ifPresent(learned ->
                hidden.view(batch.windows(), batch.length(), -1)
                        .add_(
                                batch.tree()
                                        .map(tree -> along(learned, tree))
                                        .orElseGet(() ->
                                                learned.narrow(0, firstPosition, batch.length()))));
        batch.hidden().copy_(hidden);
    }

    private Tensor along(Tensor learned, Tree tree) {
        long[] rows = tree.positions();
        Arrays.setAll(rows, i -> rows[i] + firstPosition);
        return learned.index_select(0, index(rows));
    }

    private static Tensor index(long[] rows) {
        return torch.from_blob(
                new LongPointer(rows),
                new long[] {rows.length},
                new TensorOptions(ScalarType.Long));
    }

    @Override
    public void close() {
        weights.close();
    }
}
