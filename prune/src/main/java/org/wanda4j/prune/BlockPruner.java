package org.wanda4j.prune;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.Decoding;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.method.ChannelPermutation;
import org.wanda4j.method.ChannelPermutation.PermutableChannels;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Block;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.report.Phases;
import org.wanda4j.report.PruneReport.BlockReport;
import org.wanda4j.report.PruneReport.InputReport;
import org.wanda4j.report.PruneReport.TuneReport;
import org.wanda4j.torch.Engine;
import org.wanda4j.torch.Gram;
import org.wanda4j.torch.KernelTimes;
import org.wanda4j.torch.Rounding;
import org.wanda4j.torch.TorchBlock;
import org.wanda4j.tune.BlockTuner;

/// Takes windows through block after block; each is pruned on the way, and tuned where the recipe says so.
final class BlockPruner implements AutoCloseable {

    private final Architecture architecture;
    private final Recipe recipe;
    private final LinearPruner linears;
    private final CheckpointWriter writer;
    private final Journal journal;
    private final Engine engine;
    private final Decoding decoding;
    private final Progress progress;
    private final Optional<Streams> streams;

    /// What tuning carries along.
    ///
    /// @param dense hidden states of the dense model
    /// @param inputs those of the pruned model before the block at hand
    private record Streams(ActivationStore dense, ActivationStore inputs) implements AutoCloseable {

        static Streams of(Decoding decoding) {
            ActivationStore dense = decoding.copyStates();
            try {
                return new Streams(dense, decoding.copyStates());
            } catch (RuntimeException | Error e) {
                dense.close();
                throw e;
            }
        }

        @Override
        public void close() {
            dense.close();
            inputs.close();
        }
    }

    BlockPruner(
            Architecture architecture,
            Recipe recipe,
            LinearPruner linears,
            CheckpointWriter writer,
            Journal journal,
            Engine engine,
            Decoding decoding,
            Progress progress) {
        this.architecture = architecture;
        this.recipe = recipe;
        this.linears = linears;
        this.writer = writer;
        this.journal = journal;
        this.engine = engine;
        this.decoding = decoding;
        this.progress = progress;
        this.streams = recipe.tuning().map(_ -> Streams.of(decoding));
    }

    /// How many times windows go through a block, in all that are not done.
    long passes() {
        int count = architecture.blocks().size() - journal.done();
        int pruning = recipe.order().passes() * count - (recipe.order().passes() - 1);
        int tuning = recipe.tuning().map(tuned -> tuned.epochs() + 2).orElse(0);
        return pruning + (long) tuning * count;
    }

    /// The hidden states that the next block needs: all that it needs of the blocks before.
    List<MemorySegment> states() {
        return Stream.concat(Stream.of(decoding.store()), streams.stream().map(Streams::dense))
                .map(ActivationStore::states)
                .toList();
    }

    /// Prunes block `index`, which `block` is, and enters it into the journal.
    ///
    /// @param memory lives as long as the block does
    void prune(int index, TorchBlock block, Arena memory) {
        streams.ifPresent(each -> {
            linears.phases().time("dense", () -> pass(index, block, each.dense()).forward());
            each.inputs().copyStates(decoding.store());
        });
        List<InputReport> inputs = new ArrayList<>();
        var tensors = new BlockTensors(linears.source(), writer, memory);
        BlockPass pass = pass(index, block, decoding.store());
        forward(
                block.times(),
                () ->
                        recipe.order()
                                .run(
                                        pass,
                                        isLast(index),
                                        (stage, statistics) -> {
                                            for (Linear linear : toPrune(stage)) {
                                                var done =
                                                        pruneOne(
                                                                index,
                                                                linear,
                                                                stage,
                                                                statistics,
                                                                tensors,
                                                                memory);
                                                block.replace(linear, done);
                                            }
                                            inputs.add(
                                                    InputReport.of(
                                                            stage.label(), statistics.norms()));
                                            noteDamping(index, stage, statistics);
                                        }));
        Optional<TuneReport> tuned =
                streams.filter(_ -> !tensors.masks().isEmpty())
                        .map(each ->
                                linears.phases()
                                        .time("tune", () -> tune(index, each, tensors, memory)));
        journal.add(
                BlockReport.of(index, tensors.reports(), inputs, tuned),
                isLast(index) ? List.of() : states());
    }

    /// Runs `work` and counts its time by kernel, as the mean of the threads; what none of them takes are the activations.
    private void forward(KernelTimes times, Runnable work) {
        Phases phases = linears.phases();
        Map<String, Double> before = times.seconds();
        before.keySet().forEach(kernel -> phases.spent(kernel, 0)); // To be listed first.
        phases.time(
                "activations",
                () -> {
                    work.run();
                    int threads = engine.threadsFor(decoding.store().batches());
                    times.seconds()
                            .forEach((kernel, seconds) ->
                                    phases.spent(kernel, (seconds - before.get(kernel)) / threads));
                });
    }

    /// Prunes a linear, its input channels permuted where the method permutes them.
    ///
    /// @param tensors of this block so far; the linear's is replaced
    /// @return what the windows go on with, its channels in the order of the block
    private TensorView pruneOne(
            int index,
            Linear linear,
            Stage stage,
            InputStatistics statistics,
            BlockTensors tensors,
            Arena memory) {
        TensorView matrix = tensors.get(linear.weight());
        Optional<ChannelPermutation> permutation =
                PermutableChannels.of(architecture.blocks().get(index), stage)
                        .flatMap(channels ->
                                linears.permutation(linear, matrix, channels, statistics));
        LinearPruner.Pruned done =
                linears.prune(
                        linear,
                        permutation.map(it -> it.columns(matrix, memory)).orElse(matrix),
                        permutation.map(it -> it.apply(statistics)).orElse(statistics),
                        memory);
        tensors.put(linear, done.written(), done.mask());
        permutation.ifPresent(it -> moveRows(it, tensors, memory));
        return permutation.map(it -> it.original(done.computed(), memory)).orElse(done.computed());
    }

    /// Permutes the rows that compute permuted channels.
    private static void moveRows(
            ChannelPermutation permutation, BlockTensors tensors, Arena memory) {
        for (Linear linear : permutation.writers()) {
            linear.views()
                    .forEach(
                            view -> tensors.put(view, permutation.rows(tensors.get(view), memory)));
            tensors.mask(linear)
                    .ifPresent(mask ->
                            tensors.put(
                                    linear, tensors.get(linear.weight()), permutation.rows(mask)));
        }
    }

    private List<Linear> toPrune(Stage stage) {
        return stage.linears().stream().filter(linears::prunes).toList();
    }

    private boolean isLast(int index) {
        return index == architecture.blocks().size() - 1;
    }

    private BlockPass pass(int index, TorchBlock block, ActivationStore store) {
        return new BlockPass(engine, block, store, linears.method().needs(), within(index));
    }

    private Progress within(int index) {
        return progress.within("block " + (index + 1) + "/" + architecture.blocks().size());
    }

    private void noteDamping(int block, Stage stage, InputStatistics statistics) {
        statistics
                .gramMatrix()
                .flatMap(Gram::hardened)
                .ifPresent(damping ->
                        journal.note(
                                "block %d %s: the inputs' Gram matrix was damped by %s of its mean diagonal to be inverted"
                                        .formatted(block, stage.label(), damping)));
    }

    /// Trains what survives, writes it, and takes the windows through the block again.
    private TuneReport tune(int index, Streams streams, BlockTensors tensors, Arena memory) {
        Block block = architecture.blocks().get(index);
        Set<MatrixView> dense = leftDense(block);
        Map<MatrixView, TensorView> best = new HashMap<>();
        TuneReport report =
                new BlockTuner(engine, streams.inputs(), streams.dense(), within(index))
                        .tune(
                                block,
                                tensors::get,
                                view -> !dense.contains(view),
                                tensors.masks(),
                                recipe.tuning().orElseThrow(),
                                recipe.sampling().seed() + index,
                                best,
                                memory);
        best.keySet().removeAll(dense);
        best.forEach((view, value) -> {
            DType type = linears.source().info(view.tensor()).type();
            tensors.put(view, Rounding.to(type, value, memory));
        });
        if (!best.isEmpty() && !isLast(index)) {
            decoding.store().copyStates(streams.inputs());
            try (TorchBlock tuned =
                    new TorchBlock(
                            block,
                            tensors::get,
                            engine.type(),
                            decoding.store().layout().length())) {
                pass(index, tuned, decoding.store()).forward();
            }
        }
        return report;
    }

    /// Matrices and biases of linears that the recipe leaves alone.
    private Set<MatrixView> leftDense(Block block) {
        return block.linears().stream()
                .filter(linear -> !linears.prunes(linear))
                .flatMap(Linear::views)
                .collect(Collectors.toSet());
    }

    @Override
    public void close() {
        streams.ifPresent(Streams::close);
    }
}
