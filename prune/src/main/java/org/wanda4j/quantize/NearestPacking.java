package org.wanda4j.quantize;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.LongConsumer;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.DType;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.MatrixView;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.Packer;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.torch.RoundedWeight;
import org.wanda4j.torch.Rounding;

/// Packs a checkpoint, each weight rounded by itself.
public final class NearestPacking {

    private static final int MEASURED_WEIGHTS = 1 << 20;
    private static final int MEASUREMENTS = 3;

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

    /// Weights a second that are rounded here, as the first rows of a matrix tell.
    ///
    /// @param matrix of a linear
    public static double rate(TensorView matrix, ValueType values) {
        int rows = Math.clamp(MEASURED_WEIGHTS / matrix.columns(), 1, matrix.rows());
        var sample =
                new TensorView(
                        matrix.name(),
                        matrix.type(),
                        List.of((long) rows, (long) matrix.columns()),
                        matrix.data().asSlice(0, rows * matrix.row(0).byteSize()));
        long fastest = Long.MAX_VALUE;
        for (int round = 0; round < MEASUREMENTS; round++) {
            try (Arena memory = Arena.ofShared()) {
                long start = System.nanoTime();
                RoundedWeight.round(Rounding.to(DType.F32, sample, memory), values);
                fastest = Math.min(fastest, System.nanoTime() - start);
            }
        }
        return 1e9 * rows * matrix.columns() / fastest;
    }

    /// Seconds that [#pack] takes here, about.
    public static double seconds(Checkpoint source, ValueType values) {
        List<Linear> linears = Families.describe(source).linears();
        try (Arena memory = Arena.ofShared()) {
            double rate = rate(source.map(linears.getFirst().weight(), memory), values);
            return linears.stream().mapToLong(Linear::weights).sum() / rate;
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
