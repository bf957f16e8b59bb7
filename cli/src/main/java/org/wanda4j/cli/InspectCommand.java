package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.wanda4j.calibrate.InputProfile;
import org.wanda4j.calibrate.InputProfile.Outlier;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.TensorInfo;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.cli.ArchitectureText.Part;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.families.Families;
import org.wanda4j.prune.Recipe;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.report.SparsityProfile.LinearSparsity;
import org.wanda4j.text.Corpus;
import org.wanda4j.text.Windows;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `wanda inspect`
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Shows what a checkpoint is: architecture, size, sparsity by linear, N:M patterns, format.",
        footer = {
            "",
            "With --calibration it also runs the model and shows the input channels with the largest norms, the outlier",
            "features that Wanda's score rests on.",
            "",
            "Examples:",
            "  wanda inspect SmolLM2-half",
            "  wanda inspect SmolLM2 --calibration my-text.jsonl --windows 16"
        })
final class InspectCommand implements Runnable {

    private static final int OUTLIERS = 10;

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description = "Hugging Face directory, or a model of the hub: org/name[@revision]")
    private Path model;

    @Mixin private final CalibrationOptions calibration = new CalibrationOptions();

    @Mixin private final ComputeOptions compute = new ComputeOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    record Inspection(
            String model,
            String family,
            int blocks,
            int hidden,
            int vocabulary,
            int positions,
            List<Part> parts,
            long parameters,
            long bytes,
            int shards,
            List<String> types,
            Optional<String> packed,
            double sparsity,
            List<LinearSparsity> linears,
            Optional<List<Outlier>> outliers) {}

    @Override
    public void run() {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Inspection inspection = inspect(checkpoint);
            if (result.json()) {
                Console.printJson(inspection);
            } else {
                Console.print(text(inspection));
            }
            if (!checkpoint.directory().equals(model)) {
                Console.note("note: %s is read from %s".formatted(model, checkpoint.directory()));
            }
        }
    }

    private Inspection inspect(Checkpoint checkpoint) {
        Architecture architecture = Families.describe(checkpoint);
        List<LinearSparsity> linears = SparsityProfile.of(checkpoint, architecture);
        return new Inspection(
                model.toString(),
                architecture.family(),
                architecture.blocks().size(),
                architecture.hidden(),
                architecture.vocabulary(),
                architecture.positions(),
                ArchitectureText.of(architecture),
                checkpoint.tensors().stream().mapToLong(TensorInfo::elements).sum(),
                checkpoint.bytes(),
                checkpoint.shards().size(),
                checkpoint.types(),
                checkpoint.packedAs().map(ValueType::label),
                SparsityProfile.overall(linears),
                linears,
                calibration.given() ? Optional.of(outliers(checkpoint)) : Optional.empty());
    }

    private List<Outlier> outliers(Checkpoint checkpoint) {
        compute.printBanner();
        Corpus text = calibration.corpus(checkpoint.directory(), compute);
        Windows windows =
                calibration
                        .sampling(Recipe.DEFAULT.sampling())
                        .resolve(Families.describe(checkpoint))
                        .take(text, checkpoint.directory());
        try (var progress = new ProgressDisplay()) {
            return InputProfile.outliers(checkpoint, windows, OUTLIERS, compute.settings(progress));
        }
    }

    private static String text(Inspection it) {
        List<String> lines = new ArrayList<>();
        lines.add("model         " + it.model());
        lines.add(
                "family        %s: %d blocks, hidden %,d, %,d positions"
                        .formatted(it.family(), it.blocks(), it.hidden(), it.positions()));
        for (Part part : it.parts()) {
            for (int i = 0; i < part.lines().size(); i++) {
                lines.add("%-12s  %s".formatted(i == 0 ? part.name() : "", part.lines().get(i)));
            }
        }
        lines.add("parameters    %,d".formatted(it.parameters()));
        lines.add(
                "format        %s, %d shard%s, %s, %.2f bytes a weight"
                        .formatted(
                                it.packed()
                                        .map(values -> "packed safetensors, values in " + values)
                                        .orElseGet(() ->
                                                "safetensors, " + String.join(" and ", it.types())),
                                it.shards(),
                                it.shards() == 1 ? "" : "s",
                                Format.megabytes(it.bytes()),
                                it.bytes() / (double) it.parameters()));
        lines.add("sparsity      " + Format.percent(it.sparsity()) + " of the linears' weights");
        lines.add("");
        lines.add(sparsityTable(it));
        it.outliers().ifPresent(outliers -> lines.add("\n" + outlierTable(outliers)));
        return String.join("\n", lines);
    }

    private static String sparsityTable(Inspection it) {
        return SparsityTable.of(
                it.blocks(),
                it.linears().stream()
                        .map(linear ->
                                new SparsityTable.Cell(
                                        linear.block(),
                                        linear.name(),
                                        OptionalLong.of(linear.zeros()),
                                        (long) linear.outputs() * linear.inputs(),
                                        linear.pattern()))
                        .toList(),
                false);
    }

    private static String outlierTable(List<Outlier> outliers) {
        List<List<String>> rows =
                new ArrayList<>(
                        List.of(
                                List.of(
                                        "largest input channels",
                                        "channel",
                                        "norm",
                                        "times the median")));
        for (Outlier outlier : outliers) {
            rows.add(
                    List.of(
                            "block " + outlier.block() + " " + outlier.stage(),
                            "" + outlier.channel(),
                            "%.1f".formatted(outlier.norm()),
                            "%.1f".formatted(outlier.timesMedian())));
        }
        return Format.table(rows);
    }
}
