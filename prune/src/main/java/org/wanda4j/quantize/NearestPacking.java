package org.wanda4j.quantize;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.LongConsumer;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Packer;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;

/// Packs a checkpoint, each weight rounded by itself.
public final class NearestPacking {

    private NearestPacking() {}

    /// Writes a packed copy of `source`.
    ///
    /// @param values of linears
    /// @param tableValues of embedding and head
    /// @param documents to put beside the weights, file name to text
    /// @param output is written, and stays the caller's to close
    /// @param progress receives the bytes of each tensor; in all [Packer#work(Checkpoint)]
    /// @throws InvalidInputException when something that was given cannot be used; nothing is left behind
    public static PackReport pack(
            Checkpoint source,
            ValueType values,
            ValueType tableValues,
            Map<String, String> documents,
            OutputDirectory output,
            LongConsumer progress) {
        try (var packer =
                begin(source, Families.describe(source), values, tableValues, output, progress)) {
            packer.add(documents);
            return packer.finish(OptionalLong.empty());
        }
    }

    @SuppressWarnings("MustBeClosed") // The caller does.
    static Packer begin(
            Checkpoint source,
            Architecture architecture,
            ValueType values,
            ValueType tableValues,
            OutputDirectory output,
            LongConsumer progress) {
        List<MatrixView> linears = architecture.linears().stream().map(Linear::weight).toList();
        return Packer.begin(
                source,
                linears,
                Set.copyOf(architecture.tables()),
                values,
                tableValues,
                output,
                progress);
    }
}
