package org.wanda4j.prune;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.CalibrationWindows;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.KeptStates;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.StageStatistics;
import org.wanda4j.calibrate.WindowPass;
import org.wanda4j.checkpoint.CheckpointWriter;
import org.wanda4j.checkpoint.InvalidInputException;
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

/// Takes windows through block after block; each is pruned on the way, and tuned where the recipe says so.
final class BlockPruner implements AutoCloseable {

    private final Architecture architecture;
    private final Recipe recipe;
    private final LinearPruner linears;
    private final CheckpointWriter writer;
    private final Journal journal;
    private final CalibrationWindows windows;
    private final BlockPass.Wanted wanted;
    private final Progress progress;
    private final Optional<BlockTuning> tuning;

    /// @param windows embedded
    /// @param engine that trains, where the recipe says so
    /// @param sumMemory most bytes for sums over input channels, as far as stages can be summed up one after the other
    BlockPruner(
            Architecture architecture,
            Recipe recipe,
            LinearPruner linears,
            CheckpointWriter writer,
            Journal journal,
            Engine engine,
            CalibrationWindows windows,
            long sumMemory,
            Progress progress) {
        this.architecture = architecture;
        this.recipe = recipe;
        this.linears = linears;
        this.writer = writer;
        this.journal = journal;
        this.windows = windows;
        this.wanted =
                new BlockPass.Wanted(
                        linears.method().needs(), recipe.sampling().allExperts(), sumMemory);
        this.progress = progress;
        this.tuning =
                recipe.tuning()
                        .map(_ ->
                                new BlockTuning(
                                        recipe,
                                        linears,
                                        engine,
                                        storeToTrainOn(windows),
                                        architecture.blocks().stream()
                                                .mapToInt(Block::states)
                                                .max()
                                                .orElseThrow()));
    }

    private static ActivationStore storeToTrainOn(CalibrationWindows windows) {
        return windows.store()
                .orElseThrow(() ->
                        new InvalidInputException(
                                "--tune, which --preset best has too, trains in one process: give --no-tune, or leave out --spark"));
    }

    /// How many times windows go through a block, in all that are not done.
    long passes() {
        int count = architecture.blocks().size() - journal.done();
        int pruning = recipe.order().passes() * count - (recipe.order().passes() - 1);
        int tuned = recipe.tuning().map(each -> each.epochs() + 2).orElse(0);
        return pruning + (long) tuned * count;
    }

    /// The hidden states that the next block needs: all that it needs of the blocks before.
    KeptStates states() {
        return tuning.map(BlockTuning::states).orElseGet(windows::states);
    }

    /// Prunes a block, and enters it into the journal.
    void prune(LoadedBlock loaded) {
        Block block = architecture.blocks().get(loaded.index());
        Progress inBlock = progress.within(loaded.label());
        var tensors = new BlockTensors(linears.source(), writer, loaded.memory());
        tuning.ifPresent(it -> it.begin(loaded, block, inBlock));
        WindowPass pass = windows.through(loaded, recipe.order(), wanted, inBlock);
        List<InputReport> inputs = timed(pass, () -> pruneStages(loaded, block, tensors, pass));
        Optional<TuneReport> tuned =
                tuning.filter(_ -> tensors.isPruned())
                        .map(it -> it.tune(loaded, block, tensors, inBlock));
        journal.add(
                BlockReport.of(loaded.index(), tensors.reports(), inputs, tuned),
                tensors.masks(),
                loaded.isLast() ? KeptStates.NONE : states());
    }

    /// Collects statistics and prunes with them, round after round, and takes the windows to the block's end; not through the
    /// last block, behind which nothing reads them.
    private List<InputReport> pruneStages(
            LoadedBlock loaded, Block block, BlockTensors tensors, WindowPass pass) {
        List<InputReport> inputs = new ArrayList<>();
        for (BlockPass.Round round : pass.rounds()) {
            try (StageStatistics statistics = pass.collect(round)) {
                PrunedAhead ahead = linears.pruneAhead(statistics, loaded.memory());
                for (var each : statistics.stages()) {
                    inputs.add(
                            pruneStage(
                                    loaded,
                                    block,
                                    each.getKey(),
                                    each.getValue(),
                                    ahead,
                                    tensors,
                                    pass));
                }
            }
        }
        if (!loaded.isLast()) {
            pass.complete();
        }
        return inputs;
    }

    /// Prunes the linears of a stage, with which the windows go on.
    ///
    /// @param ahead what workers have pruned of them
    private InputReport pruneStage(
            LoadedBlock loaded,
            Block block,
            Stage stage,
            InputStatistics statistics,
            PrunedAhead ahead,
            BlockTensors tensors,
            WindowPass pass) {
        if (statistics.tokens() == 0) {
            return pruneUnseen(loaded, block, stage, tensors, pass);
        }
        pruneLinears(loaded, block, stage, statistics, ahead, tensors, pass);
        noteDamping(loaded.index(), stage, statistics, ahead);
        return InputReport.of(stage.label(), statistics.tokens(), statistics.norms());
    }

    /// Prunes the linears of an expert that no token was routed to by the size of their weights.
    private InputReport pruneUnseen(
            LoadedBlock loaded, Block block, Stage stage, BlockTensors tensors, WindowPass pass) {
        try (var uniform =
                InputStatistics.uniform(stage.width(), linears.method().needs(), linears.type())) {
            pruneLinears(loaded, block, stage, uniform, PrunedAhead.NOTHING, tensors, pass);
        }
        journal.note(
                "block %d %s: no token of the calibration windows came here, so it was pruned by magnitude; more text, or --calibrate-all-experts, helps"
                        .formatted(loaded.index(), stage.label()));
        return InputReport.of(stage.label(), 0, new float[stage.width()]);
    }

    private void pruneLinears(
            LoadedBlock loaded,
            Block block,
            Stage stage,
            InputStatistics statistics,
            PrunedAhead ahead,
            BlockTensors tensors,
            WindowPass pass) {
        for (Linear linear : stage.linears()) {
            if (linears.prunes(linear)) {
                pass.replace(
                        linear,
                        linears.prune(
                                block, stage, linear, statistics, ahead, tensors, loaded.memory()));
            }
        }
    }

    private void noteDamping(
            int index, Stage stage, InputStatistics statistics, PrunedAhead ahead) {
        ahead.damping(stage)
                .or(() -> statistics.gramMatrix().flatMap(Gram::hardened))
                .ifPresent(damping ->
                        journal.note(
                                "block %d %s: the inputs' Gram matrix was damped by %s of its mean diagonal to be inverted"
                                        .formatted(index, stage.label(), damping)));
    }

    /// Does `work` and counts its time by kernel, as the mean of the threads; what none of them takes are the activations.
    private <T> T timed(WindowPass pass, Supplier<T> work) {
        Phases phases = linears.phases();
        Map<String, Double> before = pass.kernelSeconds();
        before.keySet().forEach(kernel -> phases.spent(kernel, 0)); // To be listed first.
        return phases.time(
                "activations",
                () -> {
                    T result = work.get();
                    pass.kernelSeconds()
                            .forEach((kernel, seconds) ->
                                    phases.spent(kernel, seconds - before.get(kernel)));
                    return result;
                });
    }

    @Override
    public void close() {
        tuning.ifPresent(BlockTuning::close);
    }
}
