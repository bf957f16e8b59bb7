package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Packer;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.prune.Recipe;
import org.wanda4j.quantize.NearestPacking;
import org.wanda4j.recover.PackAndRecover;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// How a checkpoint is packed.
///
/// @param values of linears
/// @param tableValues of embedding and head
record Packing(ValueType values, ValueType tableValues) {

    /// As a user gets it who says no more than the type.
    static Packing of(ValueType values) {
        return new Packing(values, values.ofTables());
    }

    /// Whether weights are rounded along a text where nothing else is said: int8 is close enough without.
    boolean isUsuallyCalibrated() {
        return values == ValueType.INT4;
    }

    /// Writes a packed copy, each weight rounded by itself.
    PackReport nearest(Path model, Path output, boolean force) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var directory = OutputDirectory.claim(output, checkpoint, force);
                var progress = new ProgressDisplay("bytes")) {
            checkpoint.remarks().forEach(remark -> Console.note("note: " + remark));
            progress.start("packing", Packer.work(checkpoint));
            return NearestPacking.pack(
                    checkpoint,
                    values,
                    tableValues,
                    Map.of(),
                    directory,
                    bytes -> progress.advance(bytes, values.label()));
        }
    }

    /// Writes a packed copy, its linears rounded along windows of a text, its norms then trained on it.
    ///
    /// @param type that windows are computed in; the fastest where empty
    /// @param tokens that norms are trained on; 0 leaves them as they are
    PackReport calibrated(
            Path model,
            Recipe.Sampling sampling,
            Corpus text,
            Optional<ComputeType> type,
            long tokens,
            RunSettings settings,
            Path output,
            boolean force) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var progress = new ProgressDisplay()) {
            checkpoint.remarks().forEach(remark -> Console.note("note: " + remark));
            return new PackAndRecover(
                            checkpoint,
                            values,
                            tableValues,
                            type.orElseGet(ComputeType::fastest),
                            sampling,
                            text,
                            tokens,
                            settings.withProgress(progress))
                    .pack(output, force);
        }
    }
}
