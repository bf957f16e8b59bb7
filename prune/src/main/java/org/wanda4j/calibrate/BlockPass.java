package org.wanda4j.calibrate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.model.Block.Step;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.torch.Batch;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.GramSum;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.torch.TorchBlock.Measured;

/// Takes every window of a store through one block, round after round, and sums up the inputs of its linears on the way.
public final class BlockPass implements WindowPass {

    /// Most bytes for squares, which lie on the heap.
    private static final long HEAP_SHARE = Runtime.getRuntime().maxMemory() / 4;

    private final Engine engine;
    private final TorchBlock block;
    private final ActivationStore store;
    private final CalibrationOrder order;
    private final Wanted wanted;
    private final Progress progress;

    /// @param progress counts tokens, each step an equal share of them
    public BlockPass(
            Engine engine,
            TorchBlock block,
            ActivationStore store,
            CalibrationOrder order,
            Wanted wanted,
            Progress progress) {
        this.engine = engine;
        this.block = block;
        this.store = store;
        this.order = order;
        this.wanted = wanted;
        this.progress = progress;
    }

    /// What is summed up of inputs; at least the squares of their channels are.
    ///
    /// @param needed what the method needs
    /// @param allExperts whether each expert's inputs are those of all tokens, not only of those that are routed to it
    /// @param memory the most bytes that squares, and products, may take, where the inputs of stages can be summed up one after the other;
    ///     those of one stage are taken in any case
    public record Wanted(Statistic needed, boolean allExperts, long memory) {

        /// Of all stages at once, and of the tokens that each sees.
        public static Wanted of(Statistic needed) {
            return new Wanted(needed, false, Long.MAX_VALUE);
        }
    }

    /// What is summed up at once.
    ///
    /// @param steps that the windows are brought through first
    /// @param stages whose inputs are summed up on the way; of one step where there are no steps
    public record Round(List<Step> steps, List<Stage> stages) {}

    @Override
    public List<Round> rounds() {
        return rounds(order, block.steps(), wanted, store.layout().windows(), engine.threads());
    }

    /// The rounds through a block of `steps`, in the order of the computation.
    ///
    /// @param windows how many
    /// @param threads that add up products, at most
    public static List<Round> rounds(
            CalibrationOrder order, List<Step> steps, Wanted wanted, int windows, int threads) {
        return order.rounds(steps).stream()
                .flatMap(each ->
                        order.keepsStages()
                                ? rounds(each, wanted, windows, threads)
                                : Stream.of(new Round(each, stages(each))))
                .toList();
    }

    private static List<Stage> stages(List<Step> steps) {
        return steps.stream().flatMap(step -> step.stages().stream()).toList();
    }

    /// One round; where the sums over all the stages' channels would take too much memory, as those of many experts may, several,
    /// of which the first brings the windows there.
    private static Stream<Round> rounds(List<Step> steps, Wanted wanted, int windows, int threads) {
        List<Round> rounds = new ArrayList<>();
        List<Stage> together = new ArrayList<>();
        long squares = 0;
        long products = 0;
        for (Stage stage : stages(steps)) {
            long moreSquares = StageSums.squareBytes(stage.width(), windows);
            long moreProducts =
                    wanted.needed() == Statistic.GRAM ? GramSum.bytes(stage.width(), threads) : 0;
            if (!together.isEmpty()
                    && (squares + moreSquares > Math.min(wanted.memory(), HEAP_SHARE)
                            || products + moreProducts > wanted.memory())) {
                rounds.add(new Round(rounds.isEmpty() ? steps : List.of(), together));
                together = new ArrayList<>();
                squares = 0;
                products = 0;
            }
            together.add(stage);
            squares += moreSquares;
            products += moreProducts;
        }
        rounds.add(new Round(rounds.isEmpty() ? steps : List.of(), together));
        return rounds.stream();
    }

    @Override
    public StageStatistics collect(Round round) {
        SequencedMap<Stage, StageSums> sums = sum(round);
        try {
            SequencedMap<Stage, InputStatistics> statistics = new LinkedHashMap<>();
            sums.forEach((stage, sum) -> statistics.put(stage, sum.statistics()));
            return new StageStatistics(statistics);
        } catch (RuntimeException | Error e) {
            sums.values().forEach(StageSums::close);
            throw e;
        }
    }

    /// Brings every window through the steps of `round`, and sums up what its stages read. With [CalibrationOrder#BLOCK] that is a
    /// copy of the hidden states, and the last linears are not computed: nothing reads their result.
    ///
    /// @return in the order of the computation, to be closed by the caller
    public SequencedMap<Stage, StageSums> sum(Round round) {
        SequencedMap<Stage, StageSums> sums = new LinkedHashMap<>();
        try {
            for (Stage stage : round.stages()) {
                sums.put(stage, StageSums.of(stage.width(), engine, wanted.needed()));
            }
            engine.forEach(
                    store.batches(),
                    index -> collect(round, index, sums),
                    () -> sums.values().forEach(StageSums::abandon));
            return sums;
        } catch (RuntimeException | Error e) {
            sums.values().forEach(StageSums::close);
            throw e;
        }
    }

    private void collect(Round round, int index, SequencedMap<Stage, StageSums> sums) {
        Batch stored = store.batch(index);
        Batch batch = order.keepsStages() ? stored : stored.copy();
        if (round.steps().isEmpty()) { // The windows are there already.
            measure(round.stages(), index, batch, sums);
        }
        for (Step step : round.steps()) {
            block.advanceTo(step, batch);
            List<Stage> ready = step.stages().stream().filter(sums::containsKey).toList();
            if (!ready.isEmpty()) {
                measure(ready, index, batch, sums);
            }
            report(progress, block.steps(), step, store.tokensOf(index));
        }
    }

    private void measure(
            List<Stage> stages, int index, Batch batch, SequencedMap<Stage, StageSums> sums) {
        var sink =
                new TorchBlock.Sums() {
                    @Override
                    public Optional<GramSum> products(Stage stage) {
                        return sums.get(stage).products();
                    }

                    @Override
                    public void add(Stage stage, Measured measured) {
                        sums.get(stage).add(store.firstWindow(index), measured);
                    }
                };
        block.measure(stages, batch, index, wanted.allExperts(), sink);
    }

    @Override
    public void replace(Linear linear, TensorView weight) {
        block.replace(linear, weight);
    }

    @Override
    public void complete() {
        switch (order) {
            case STAGE ->
                    engine.forEach(store.batches(), index -> block.finish(store.batch(index)));
            case BLOCK -> store.forward(engine, block, progress);
        }
    }

    @Override
    public Map<String, Double> kernelSeconds() {
        int threads = engine.threadsFor(store.batches());
        Map<String, Double> mean = new LinkedHashMap<>();
        block.times().seconds().forEach((kernel, seconds) -> mean.put(kernel, seconds / threads));
        return mean;
    }

    /// Says that so many tokens were brought through a step. Each of a block's counts as much as any other; the last one takes what
    /// does not divide.
    public static void report(Progress progress, List<Step> steps, Step step, long tokens) {
        long part = tokens / steps.size();
        boolean last = step.equals(steps.getLast());
        progress.advance(last ? tokens - (steps.size() - 1) * part : part, step.label());
    }
}
