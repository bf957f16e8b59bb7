package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Packer;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Recipe;
import org.wanda4j.quantize.CalibratedPacking;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// How a checkpoint is packed.
///
/// @param values of linears
/// @param tableValues of embedding and head
record Packing(ValueType values, ValueType tableValues) {

    /// As a user gets it who says no more than the type.
    static Packing of(ValueType values) {
        return new Packing(values, values == ValueType.INT4 ? ValueType.INT8 : values);
    }

    /// Whether weights are rounded along a text where nothing else is said: int8 is close enough without.
    boolean isUsuallyCalibrated() {
        return values == ValueType.INT4;
    }

    /// Writes a packed copy, each weight rounded by itself.
    PackReport nearest(Path model, Path output, boolean force) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var directory = OutputDirectory.claim(output, model, force);
                var progress = new ProgressDisplay("bytes")) {
            checkpoint.remarks().forEach(remark -> Console.note("note: " + remark));
            Architecture architecture = Families.describe(checkpoint);
            List<MatrixView> linears = architecture.linears().stream().map(Linear::weight).toList();
            progress.start("packing", Packer.work(checkpoint));
            try (var packer =
                    Packer.begin(
                            checkpoint,
                            linears,
                            Set.copyOf(architecture.tables()),
                            values,
                            tableValues,
                            directory,
                            bytes -> progress.advance(bytes, values.label()))) {
                return packer.finish(OptionalLong.empty());
            }
        }
    }

    /// Writes a packed copy, its linears rounded along windows of a text.
    PackReport calibrated(
            Path model,
            Recipe.Sampling sampling,
            Corpus text,
            ComputeOptions compute,
            Path output,
            boolean force) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var directory = OutputDirectory.claim(output, model, force);
                var progress = new ProgressDisplay()) {
            checkpoint.remarks().forEach(remark -> Console.note("note: " + remark));
            return CalibratedPacking.pack(
                    checkpoint,
                    values,
                    tableValues,
                    compute.type().orElseGet(ComputeType::fastest),
                    sampling,
                    text,
                    directory,
                    compute.settings(progress));
        }
    }
}
