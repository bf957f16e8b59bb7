package org.wanda4j.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.GgmlType;
import org.wanda4j.gguf.GgufExport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `wanda export`
@Command(
        name = "export",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description =
                "Writes a model as a GGUF file, for llama.cpp, Ollama and what else reads it.",
        footer = {
            "",
            "The file holds tokenizer and chat template too. llama.cpp computes with zeros",
            "as with other values: a pruned model is no faster there than a dense one.",
            "What makes it smaller and faster there is a type of fewer bits.",
            "",
            "Examples:",
            "  wanda export SmolLM2-half -o SmolLM2-half.gguf",
            "  wanda export SmolLM2-half -o SmolLM2-half-q8_0.gguf --type q8_0"
        })
final class ExportCommand implements Runnable {

    static final GgmlType[] TYPES = {
        GgmlType.F32, GgmlType.F16, GgmlType.BF16, GgmlType.Q8_0, GgmlType.Q4_0, GgmlType.Q4_K
    };

    @Parameters(
            paramLabel = "MODEL",
            converter = HubModels.Reference.class,
            description = "Hugging Face directory, packed or not, or id of the hub")
    private Path model;

    @Option(
            names = {"-o", "--output"},
            required = true,
            paramLabel = "FILE",
            description = "file to write; it appears when it is complete")
    private Path file;

    @Option(names = "--force", description = "replace a file that is already there")
    private boolean force;

    @Option(
            names = "--type",
            paramLabel = "f32|f16|bf16|q8_0|q4_0|q4_k",
            description =
                    "of matrices: q8_0 has 8 bits of a weight and a scale for each 32, q4_0 4, q4_k 4 and a minimum besides (default: as the model has them)")
    private GgmlType type;

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    record Exported(
            String model,
            String output,
            String type,
            long bytesBefore,
            long bytesAfter,
            double seconds,
            List<String> notes) {}

    @Override
    public void run() {
        Exported done = export(model, file, Optional.ofNullable(type), force);
        result.print(done, () -> text(done));
    }

    /// Writes the model in `model` to `file`.
    ///
    /// @param type of matrices; that of the model's embedding where it is empty
    static Exported export(Path model, Path file, Optional<GgmlType> type, boolean force) {
        long begin = System.nanoTime();
        try (Checkpoint source = Checkpoint.open(model);
                var progress = new ProgressDisplay("bytes");
                var _ = StopNotice.ofWhole();
                var export = GgufExport.begin(source, file, type, force)) {
            progress.start("exporting", export.bytes());
            export.run(bytes -> progress.advance(bytes, export.type().label()));
            return new Exported(
                    model.toString(),
                    file.toString(),
                    export.type().label(),
                    source.bytes(),
                    export.bytes(),
                    (System.nanoTime() - begin) / 1e9,
                    export.notes());
        }
    }

    /// What the command says of it.
    static String text(Exported done) {
        String notes =
                String.join("", done.notes().stream().map(note -> "note: " + note + "\n").toList());
        return notes
                + "%s exported to %s as %s in %s: %s"
                        .formatted(
                                Format.megabytes(done.bytesBefore()),
                                Format.megabytes(done.bytesAfter()),
                                done.type(),
                                Format.duration(done.seconds()),
                                done.output());
    }
}
