package org.wanda4j.calibrate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Stage;
import org.wanda4j.model.families.Families;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;

/// How unequal the input channels of a model's linears are: what the norm in Wanda's score rests on.
public final class InputProfile {

    private InputProfile() {}

    /// An input channel that stands out.
    ///
    /// @param block from 0
    /// @param stage label of the stage that reads it
    /// @param channel from 0
    /// @param norm `||X_j||_2`, over a window on average
    /// @param timesMedian the norm over the median norm of the stage's channels
    public record Outlier(int block, String stage, int channel, double norm, double timesMedian) {}

    /// The `count` channels of the dense model whose norms exceed the median of their stage the most.
    ///
    /// @param windows calibration text
    public static List<Outlier> outliers(
            Checkpoint checkpoint, Windows windows, int count, RunSettings settings) {
        Architecture architecture = Families.describe(checkpoint);
        List<Outlier> found = new ArrayList<>();
        int blocks = architecture.blocks().size();
        settings.progress().start("measuring inputs", windows.tokens() * (2L * blocks - 1));
        try (var scratch = new ScratchDirectory();
                Engine engine = settings.engine(ComputeType.fastest())) {
            var forward =
                    new LayerwiseForward(
                            checkpoint,
                            architecture,
                            engine,
                            settings.scratch(scratch.path()),
                            windows.seqlen());
            try (ActivationStore store =
                            forward.embedded(windows, CalibrationOrder.BLOCK.keepsStages());
                    BlockSequence each = forward.blocks()) {
                while (each.hasNext()) {
                    try (LoadedBlock block = each.next()) {
                        found.addAll(outliers(block, engine, store, count, settings.progress()));
                    }
                }
            }
        }
        found.sort(Comparator.comparingDouble(Outlier::timesMedian).reversed());
        return List.copyOf(found.subList(0, Math.min(count, found.size())));
    }

    private static List<Outlier> outliers(
            LoadedBlock block, Engine engine, ActivationStore store, int count, Progress progress) {
        List<Outlier> found = new ArrayList<>();
        var pass =
                new BlockPass(
                        engine,
                        block.torch(),
                        store,
                        CalibrationOrder.BLOCK,
                        BlockPass.Wanted.of(Statistic.INPUT_NORMS),
                        progress.within(block.label()));
        for (BlockPass.Round round : pass.rounds()) {
            try (StageStatistics statistics = pass.collect(round)) {
                statistics
                        .byStage()
                        .forEach((stage, each) ->
                                found.addAll(largest(block.index(), stage, each.norms(), count)));
            }
        }
        if (!block.isLast()) {
            pass.complete();
        }
        return found;
    }

    private static List<Outlier> largest(int block, Stage stage, float[] norms, int count) {
        float[] sorted = norms.clone();
        Arrays.sort(sorted);
        double median = sorted[sorted.length / 2];
        List<Outlier> outliers = new ArrayList<>();
        for (int channel = 0; channel < norms.length && median > 0; channel++) {
            outliers.add(
                    new Outlier(
                            block,
                            stage.label(),
                            channel,
                            norms[channel],
                            norms[channel] / median));
        }
        outliers.sort(Comparator.comparingDouble(Outlier::timesMedian).reversed());
        return outliers.subList(0, Math.min(count, outliers.size()));
    }
}
