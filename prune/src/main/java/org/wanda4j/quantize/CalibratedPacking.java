package org.wanda4j.quantize;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SequencedMap;
import org.wanda4j.calibrate.ActivationStore;
import org.wanda4j.calibrate.BlockPass;
import org.wanda4j.calibrate.BlockSequence;
import org.wanda4j.calibrate.CalibrationOrder;
import org.wanda4j.calibrate.InputStatistics;
import org.wanda4j.calibrate.LayerwiseForward;
import org.wanda4j.calibrate.LoadedBlock;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.calibrate.StageStatistics;
import org.wanda4j.calibrate.Statistic;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Packer;
import org.wanda4j.checkpoint.RoundedMatrix;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.method.GridRounding;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.Stage;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Recipe;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import org.wanda4j.torch.ComputeType;
import org.wanda4j.torch.Engine;

/// Packs a checkpoint, its linears rounded block after block along calibration windows ([GridRounding]): each sees what the rounded
/// ones before it make of the windows. Embedding and head are rounded by themselves.
///
/// One block's weights and one store of hidden states are in memory. The output appears whole or not at all.
public final class CalibratedPacking {

    private final Checkpoint source;
    private final Architecture architecture;
    private final ValueType values;
    private final RunSettings settings;
    private final Packer packer;
    private final Engine engine;
    private final ActivationStore store;
    private final BlockPass.Wanted wanted;

    private CalibratedPacking(
            Checkpoint source,
            Architecture architecture,
            ValueType values,
            boolean allExperts,
            RunSettings settings,
            Packer packer,
            Engine engine,
            ActivationStore store) {
        this.source = source;
        this.architecture = architecture;
        this.values = values;
        this.settings = settings;
        this.packer = packer;
        this.engine = engine;
        this.store = store;
        this.wanted = new BlockPass.Wanted(Statistic.GRAM, allExperts, settings.scratchMemory());
    }

    /// Writes a packed copy of `source`.
    ///
    /// @param values of linears: int8 or int4
    /// @param tableValues of embedding and head: bf16, int8 or int4
    /// @param type that windows are computed in
    /// @param sampling which windows of `text` are taken
    /// @param output is written, and stays the caller's to close
    /// @throws InvalidInputException when something that was given cannot be used; nothing is left behind
    public static PackReport pack(
            Checkpoint source,
            ValueType values,
            ValueType tableValues,
            ComputeType type,
            Recipe.Sampling sampling,
            Corpus text,
            OutputDirectory output,
            RunSettings settings) {
        settings.requireHost("packing");
        Architecture architecture = Families.describe(source);
        Windows windows = sampling.resolve(architecture).take(text, source.directory());
        LayerwiseForward.check(source, architecture, windows);
        try (var packer =
                        NearestPacking.begin(
                                source, architecture, values, tableValues, output, _ -> {});
                var engine = new Engine(type, settings.threads())) {
            var forward =
                    new LayerwiseForward(
                            source,
                            architecture,
                            engine,
                            settings.scratch(output.work()),
                            windows.seqlen());
            try (ActivationStore store =
                    forward.embedded(windows, CalibrationOrder.STAGE.keepsStages())) {
                new CalibratedPacking(
                                source,
                                architecture,
                                values,
                                sampling.allExperts(),
                                settings,
                                packer,
                                engine,
                                store)
                        .round(forward, windows);
            }
            return packer.finish(OptionalLong.of(windows.tokens()));
        }
    }

    private void round(LayerwiseForward forward, Windows windows) {
        Progress progress = settings.progress();
        progress.start("rounding", windows.tokens() * architecture.blocks().size());
        try (BlockSequence blocks = forward.blocks()) {
            while (blocks.hasNext()) {
                try (LoadedBlock block = blocks.next()) {
                    round(block, progress.within(block.label()));
                }
            }
        }
    }

    private void round(LoadedBlock block, Progress progress) {
        SequencedMap<String, List<RoundedMatrix>> byTensor = new LinkedHashMap<>();
        var pass =
                new BlockPass(
                        engine, block.torch(), store, CalibrationOrder.STAGE, wanted, progress);
        for (BlockPass.Round round : pass.rounds()) {
            try (StageStatistics statistics = pass.collect(round)) {
                statistics.stages().forEach(stage -> round(block, stage, byTensor));
            }
        }
        if (!block.isLast()) {
            pass.complete();
        }
        byTensor.forEach(packer::write);
    }

    private void round(
            LoadedBlock block,
            Map.Entry<Stage, InputStatistics> stage,
            Map<String, List<RoundedMatrix>> byTensor) {
        // Of an expert that no token came to, all channels count alike.
        try (var uniform =
                stage.getValue().tokens() == 0
                        ? InputStatistics.uniform(
                                stage.getKey().width(), Statistic.GRAM, engine.type())
                        : InputStatistics.none()) {
            InputStatistics statistics =
                    stage.getValue().tokens() == 0 ? uniform : stage.getValue();
            for (Linear linear : stage.getKey().linears()) {
                RoundedMatrix rounded = round(block, linear, statistics);
                block.torch().replace(linear, rounded.weight());
                byTensor.computeIfAbsent(linear.weight().tensor(), _ -> new ArrayList<>())
                        .add(rounded);
            }
        }
    }

    private RoundedMatrix round(LoadedBlock block, Linear linear, InputStatistics statistics) {
        try {
            var rounded =
                    GridRounding.round(
                            source.map(linear.weight(), block.memory()),
                            statistics.gram(),
                            values,
                            engine.threads(),
                            block.memory());
            return new RoundedMatrix(
                    linear.weight(), rounded.weight(), rounded.scales(), rounded.outputError());
        } catch (ArithmeticException e) {
            throw new InvalidInputException(
                    "%s: %s; use more calibration text, or --calibration none, which inverts nothing"
                            .formatted(linear.name(), e.getMessage()),
                    e);
        }
    }
}
