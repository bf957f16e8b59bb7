package org.wanda4j.cli;

import java.nio.file.Path;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.Packer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `wanda unpack`
@Command(
        name = "unpack",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = "Writes an ordinary copy of a packed checkpoint: every matrix in bf16.",
        footer = {"", "Example:", "  wanda unpack SmolLM2-packed -o SmolLM2-half"})
final class UnpackCommand implements Runnable {

    @Parameters(
            paramLabel = "PACKED",
            converter = HubModels.Reference.class,
            description = "what wanda pack wrote")
    private Path packed;

    @Mixin private final OutputOptions output = new OutputOptions();

    @Mixin private final ResultOptions result = new ResultOptions();

    /// What `--json` prints.
    record Unpacked(
            String model, String output, long bytesBefore, long bytesAfter, double seconds) {}

    @Override
    public void run() {
        Unpacked done = unpack();
        result.print(
                done,
                () ->
                        "%s unpacked to %s in %s: %s"
                                .formatted(
                                        Format.megabytes(done.bytesBefore()),
                                        Format.megabytes(done.bytesAfter()),
                                        Format.duration(done.seconds()),
                                        done.output()));
    }

    private Unpacked unpack() {
        long begin = System.nanoTime();
        try (Checkpoint source = Checkpoint.open(packed);
                var directory = OutputDirectory.claim(output.directory(), source, output.force());
                var progress = new ProgressDisplay("bytes");
                var _ = StopNotice.ofWhole()) {
            progress.start("unpacking", Packer.work(source) / 2);
            Packer.unpack(source, directory, bytes -> progress.advance(bytes, "bf16"));
            try (Checkpoint unpacked = Checkpoint.open(directory.target())) {
                return new Unpacked(
                        packed.toString(),
                        directory.target().toString(),
                        source.bytes(),
                        unpacked.bytes(),
                        (System.nanoTime() - begin) / 1e9);
            }
        }
    }
}
