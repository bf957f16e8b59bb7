package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda pack`
@Command(
        name = "pack",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Writes a copy of a pruned checkpoint in which zeros take a bit each.",
        footer = {
            "",
            "'wanda inspect' and 'wanda eval' read it, 'wanda unpack' gives an ordinary checkpoint back. With bf16 values",
            "that one is bit for bit the same, where the model was in bf16; fp16 and fp32 weights are rounded to bf16.",
            "",
            "Examples:",
            "  wanda pack SmolLM2-half -o SmolLM2-packed",
            "  wanda pack SmolLM2-half -o SmolLM2-int8 --values int8"
        })
final class PackCommand implements Runnable {

    private static final String WEIGHT = ".weight";

    static final ValueType[] VALUE_TYPES = {ValueType.BF16, ValueType.INT8, ValueType.INT4};

    @Parameters(paramLabel = "MODEL", description = "Hugging Face directory")
    private Path model;

    @Mixin private final OutputOptions output = new OutputOptions();

    @Option(
            names = "--values",
            paramLabel = "bf16|int8|int4",
            defaultValue = "bf16",
            description =
                    "how the weights that are kept are stored; int8 and int4 in groups of 32 with a scale, embeddings"
                            + " and head too (default: bf16)")
    private ValueType values;

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public void run() {
        PackReport report = pack(model, values, output.directory(), output.force());
        result.print(report, () -> text(report));
    }

    /// Writes a packed copy of `model` to `output`.
    ///
    /// @param force whether a checkpoint that is already there may be replaced
    static PackReport pack(Path model, ValueType values, Path output, boolean force) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                var progress = new ProgressDisplay("bytes")) {
            Architecture architecture = Families.describe(checkpoint);
            List<MatrixView> linears = architecture.linears().stream().map(Linear::weight).toList();
            checkpoint.remarks().forEach(remark -> Console.note("note: " + remark));
            Set<String> tables = Set.copyOf(architecture.tables());
            try (var directory = OutputDirectory.claim(output, model, force)) {
                progress.start("packing", Packer.work(checkpoint));
                return Packer.pack(
                        checkpoint,
                        linears,
                        tables,
                        values,
                        directory,
                        bytes -> progress.advance(bytes, values.label()));
            }
        }
    }

    private static String text(PackReport report) {
        return String.join(
                "\n",
                table(report),
                "",
                "values       " + report.values(),
                "time         " + Format.duration(report.seconds()),
                "output       " + report.output());
    }

    /// Matrices by their kind, then whatever else the files hold.
    private static String table(PackReport report) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("matrix", "sparse", "zeros", "before", "after", "of before"));
        Map<String, List<PackReport.Matrix>> kinds =
                LinearKinds.group(report.matrices(), PackCommand::module);
        Sizes listed = new Sizes(0, 0);
        for (var kind : kinds.entrySet()) {
            Sizes sizes = Sizes.of(kind.getValue());
            rows.add(row(kind.getKey(), kind.getValue(), sizes));
            listed = listed.plus(sizes);
        }
        Sizes all = new Sizes(report.bytesBefore(), report.bytesAfter());
        rows.add(row("all else", List.of(), all.minus(listed)));
        rows.add(row("total", List.of(), all));
        return Format.table(rows);
    }

    private static List<String> row(String name, List<PackReport.Matrix> matrices, Sizes sizes) {
        long sparse = matrices.stream().filter(it -> it.layout().equals("sparse")).count();
        long weights = matrices.stream().mapToLong(it -> (long) it.outputs() * it.inputs()).sum();
        long kept = matrices.stream().mapToLong(PackReport.Matrix::kept).sum();
        return List.of(
                name,
                matrices.isEmpty() ? "" : sparse + " of " + matrices.size(),
                matrices.isEmpty() ? "" : Format.percent(1 - kept / (double) weights),
                "%.1f MB".formatted(sizes.before() / 1e6),
                "%.1f MB".formatted(sizes.after() / 1e6),
                Format.percent(sizes.after() / (double) sizes.before()));
    }

    private static String module(PackReport.Matrix matrix) {
        String name = matrix.name();
        return name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
    }

    private record Sizes(long before, long after) {

        static Sizes of(List<PackReport.Matrix> matrices) {
            return new Sizes(
                    matrices.stream().mapToLong(PackReport.Matrix::bytesBefore).sum(),
                    matrices.stream().mapToLong(PackReport.Matrix::bytesAfter).sum());
        }

        Sizes plus(Sizes other) {
            return new Sizes(before + other.before, after + other.after);
        }

        Sizes minus(Sizes other) {
            return new Sizes(before - other.before, after - other.after);
        }
    }
}
