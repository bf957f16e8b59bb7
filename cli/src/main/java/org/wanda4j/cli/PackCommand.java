package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.checkpoint.PackReport;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.prune.Recipe;
import org.wanda4j.recover.PackAndRecover;
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
            "int4 weights are rounded block after block along calibration text, so that what one misses others make up for;",
            "then norms and biases are trained towards the model. --calibration none rounds each to the nearest value, in",
            "seconds; int8 is rounded so unless a text is named.",
            "",
            "Examples:",
            "  wanda pack SmolLM2-half -o SmolLM2-packed",
            "  wanda pack SmolLM2-half -o SmolLM2-int8 --values int8",
            "  wanda pack SmolLM2 -o SmolLM2-int4 --values int4",
            "  wanda pack SmolLM2 -o SmolLM2-int4 --values int4 --calibration my-text.jsonl --windows 256",
            "  wanda pack SmolLM2 -o SmolLM2-int4 --values int4 --calibration none --embedding int4"
        })
final class PackCommand implements Runnable {

    private static final String WEIGHT = ".weight";

    static final ValueType[] VALUE_TYPES = {ValueType.BF16, ValueType.INT8, ValueType.INT4};

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description = "Hugging Face directory, or a model of the hub: org/name[@revision]")
    private Path model;

    @Mixin private final OutputOptions output = new OutputOptions();

    @Option(
            names = "--values",
            paramLabel = "bf16|int8|int4",
            defaultValue = "bf16",
            description =
                    "how the weights that are kept are stored; int8 and int4 in groups of 32 with a scale (default: bf16)")
    private ValueType values;

    @Option(
            names = "--embedding",
            paramLabel = "bf16|int8|int4",
            description =
                    "the same for embedding and head (default: int8 where --values is int4, else as --values)")
    private ValueType embedding;

    @Option(
            names = "--recover-tokens",
            paramLabel = "N",
            description =
                    "train norms and biases towards MODEL on so many tokens of the calibration text behind rounding; 0 leaves them as they are (default: 16384)")
    private long recoverTokens = PackAndRecover.TOKENS;

    @Mixin private final CalibrationOptions calibration = new CalibrationOptions();

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    @Override
    public void run() {
        var packing = Packing.of(values);
        if (embedding != null) {
            packing = new Packing(values, embedding);
        }
        PackReport report = pack(packing);
        result.print(report, () -> text(report));
    }

    private PackReport pack(Packing packing) {
        try (var _ = StopNotice.ofWhole()) {
            return isCalibrated(packing)
                    ? packCalibrated(packing)
                    : packing.nearest(model, output.directory(), output.force());
        }
    }

    private boolean isCalibrated(Packing packing) {
        return values.isQuantised()
                && !calibration.isNone()
                && (packing.isUsuallyCalibrated() || calibration.given());
    }

    private PackReport packCalibrated(Packing packing) {
        compute.printBanner();
        return packing.calibrated(
                model,
                calibration.sampling(Recipe.DEFAULT.sampling()),
                calibration.corpus(model, compute),
                compute.type(),
                recoverTokens,
                compute.settings(Progress.NONE),
                output.directory(),
                output.force());
    }

    private static String text(PackReport report) {
        List<String> lines =
                new ArrayList<>(List.of(table(report), "", "values       " + report.values()));
        report.calibrationTokens()
                .ifPresent(tokens ->
                        lines.add(
                                "calibrated   %,d tokens; the output error is ||X (Q - W)^T||^2 / ||X W^T||^2, on average"
                                        .formatted(tokens)));
        report.recovered()
                .ifPresent(it ->
                        lines.add(
                                "recovered    norms and biases, %,d tokens; divergence from the model on held-out text %.4f before, %.4f after"
                                        .formatted(it.tokens(), it.lossBefore(), it.lossAfter())));
        lines.add("time         " + Format.duration(report.seconds()));
        lines.add("output       " + report.output());
        return String.join("\n", lines);
    }

    /// Matrices by their kind, then whatever else the files hold.
    private static String table(PackReport report) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(
                List.of(
                        "matrix",
                        "values",
                        "sparse",
                        "zeros",
                        "before",
                        "after",
                        "of before",
                        "output error"));
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
                matrices.isEmpty() ? "" : matrices.getFirst().values(),
                matrices.isEmpty() ? "" : sparse + " of " + matrices.size(),
                matrices.isEmpty() ? "" : Format.percent(1 - kept / (double) weights),
                "%.1f MB".formatted(sizes.before() / 1e6),
                "%.1f MB".formatted(sizes.after() / 1e6),
                Format.percent(sizes.after() / (double) sizes.before()),
                outputError(matrices).isPresent()
                        ? Format.percent(outputError(matrices).getAsDouble())
                        : "");
    }

    /// The mean where it was measured.
    private static OptionalDouble outputError(List<PackReport.Matrix> matrices) {
        return matrices.stream()
                .map(PackReport.Matrix::outputError)
                .flatMapToDouble(OptionalDouble::stream)
                .average();
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
