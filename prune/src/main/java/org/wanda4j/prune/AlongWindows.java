package org.wanda4j.prune;

import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.allocate.Allocation.BlockScores;
import org.wanda4j.allocate.ScoreSurvey;
import org.wanda4j.calibrate.BlockSequence;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.CalibrationWindows;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.prune.Journal.Outcome;
import org.wanda4j.report.Phases;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.Engine;

/// Prunes block after block along calibration windows:
///
/// ```
/// embed the windows
/// for each block: BlockPruner
/// ```
///
/// @param linears makes a pruner of linears, given what the allocation goes by
record AlongWindows(
        Checkpoint source,
        Architecture architecture,
        Recipe recipe,
        Set<Linear> chosen,
        Function<List<BlockScores>, LinearPruner> linears,
        Windows windows,
        Journal journal,
        RunSettings settings,
        Phases phases) {

    void prune() {
        try (Engine engine = settings.engine(recipe.type().orElseThrow())) {
            var forward =
                    new LayerwiseForward(
                            source,
                            architecture,
                            engine,
                            settings.scratch(journal.writer().scratch()),
                            windows.seqlen());
            LinearPruner pruning = linears.apply(journal.survey(() -> survey(forward)));
            noteLongWindows();
            try (CalibrationWindows embedded = embed(forward, recipe.order().keepsStages());
                    var pruner =
                            new BlockPruner(
                                    architecture,
                                    recipe,
                                    pruning,
                                    journal.writer(),
                                    journal,
                                    engine,
                                    embedded,
                                    settings.scratchMemory(),
                                    settings.progress())) {
                journal.begin(
                        new Outcome(
                                List.of(),
                                List.of(),
                                windows.tokens(),
                                embedded.place(),
                                embedded.describe()),
                        pruning.maskBytes(journal.left(architecture.blocks())),
                        pruner.states());
                settings.progress().start("pruning", windows.tokens() * pruner.passes());
                try (BlockSequence blocks = forward.blocks(journal.done(), phases)) {
                    while (blocks.hasNext()) {
                        try (LoadedBlock block = blocks.next()) {
                            journal.guard(() -> pruner.prune(block));
                        }
                    }
                }
            }
        }
    }

    /// The journal keeps it with the first block: a run that is resumed before has no note yet.
    private void noteLongWindows() {
        if (journal.done() == 0 && windows.seqlen() > architecture.positions()) {
            journal.note(
                    "calibration windows of %,d tokens are longer than the model's context of %,d"
                            .formatted(windows.seqlen(), architecture.positions()));
        }
    }

    /// Scores of the dense model, where the allocation goes by them.
    private List<BlockScores> survey(LayerwiseForward forward) {
        if (recipe.allocation() == Allocation.UNIFORM) {
            return List.of();
        }
        try (CalibrationWindows embedded = embed(forward, CalibrationOrder.STAGE.keepsStages())) {
            Progress progress = settings.progress();
            progress.start("surveying", windows.tokens() * architecture.blocks().size());
            return phases.time(
                    "survey",
                    () ->
                            ScoreSurvey.of(
                                    forward,
                                    embedded,
                                    chosen,
                                    recipe.allocation().needed(),
                                    progress));
        }
    }

    private CalibrationWindows embed(LayerwiseForward forward, boolean keepsStages) {
        return phases.time("embed", () -> settings.runner().embed(forward, windows, keepsStages));
    }
}
