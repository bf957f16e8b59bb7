package org.wanda4j.calibrate;

import java.util.Optional;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.GramSum;
import org.wanda4j.torch.TorchBlock;

/// The inputs of one stage on their way into statistics, batch by batch from any thread.
final class StageInputs implements AutoCloseable {

    private final TorchBlock block;
    private final Stage stage;
    private final ActivationStore store;
    private final WindowNorms norms;
    private final Optional<GramSum> products;

    /// @param threads that collect, at most
    StageInputs(
            TorchBlock block, Stage stage, ActivationStore store, Statistic needed, int threads) {
        this.block = block;
        this.stage = stage;
        this.store = store;
        this.norms = new WindowNorms(store.layout().windows());
        this.products =
                needed == Statistic.GRAM
                        ? Optional.of(new GramSum(stage.width(), store.layout().type(), threads))
                        : Optional.empty();
    }

    /// @param batch number `index` of the store, ready for the stage
    void collect(int index, Batch batch) {
        norms.put(
                store.firstWindow(index),
                block.measure(stage, batch, index, products, false).squares(),
                store.windowsOf(index));
    }

    InputStatistics statistics() {
        return new InputStatistics(
                norms.norms(),
                norms.ablationNorms(),
                products.map(sum -> sum.mean(store.layout().windows())));
    }

    /// A batch has failed: nobody is to wait for it.
    void abandon() {
        products.ifPresent(GramSum::abandon);
    }

    /// Frees what no statistics were made of.
    @Override
    public void close() {
        products.ifPresent(GramSum::close);
    }
}
