package org.wanda4j.recover;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.families.Families;
import org.wanda4j.quantize.NearestPacking;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.text.Corpus;

/// Recovers a checkpoint for packed values, and packs it: each weight becomes what training has last computed with. Until the
/// output is there, what was trained lies in `OUTPUT.recovered`.
///
/// @param output where the packed checkpoint appears, whole or not at all
/// @param replace whether a checkpoint that is already there may be replaced
record RecoverAndPack(
        Checkpoint pruned,
        Optional<Checkpoint> dense,
        Recovery recovery,
        Corpus text,
        Path output,
        boolean replace,
        RunSettings settings) {

    RecoverReport run() {
        OutputDirectory.claim(output, pruned.directory(), replace).close(); // Before it is needed.
        return packed(
                Recoverer.begin(
                        pruned,
                        dense,
                        recovery,
                        text,
                        recovered(output),
                        output,
                        replace,
                        settings));
    }

    RecoverReport resume() {
        Optional<RecoverReport> ended =
                Recoverer.reportOf(
                        output,
                        Families.describe(pruned),
                        dense,
                        recovery,
                        text,
                        Optional.of(pruned));
        return ended.map(this::ended).orElseGet(() -> packed(recovered()));
    }

    private RecoverReport recovered() {
        return Recoverer.resume(
                pruned,
                dense,
                recovery,
                text,
                recovered(output),
                output,
                replace,
                settings,
                Recoverer.INTERVAL);
    }

    /// How far the run on `output` had come that was interrupted, in words; empty where nothing is left of one.
    static Optional<String> left(Path output) {
        return OutputDirectory.journalOf(recovered(output))
                .map(RecoveryJournal::describe)
                .or(() ->
                        Files.exists(recovered(output))
                                ? Optional.of("all steps are done")
                                : Optional.empty());
    }

    private RecoverReport packed(RecoverReport report) {
        ValueType values = recovery.values().orElseThrow();
        try (Checkpoint model = Checkpoint.open(recovered(output));
                var directory = OutputDirectory.claim(output, recovered(output), replace)) {
            NearestPacking.pack(
                    model,
                    values,
                    values.ofTables(),
                    Recoverer.documentsOf(model.directory()),
                    directory,
                    _ -> {});
        }
        return ended(report);
    }

    /// What was trained is not needed any more.
    private RecoverReport ended(RecoverReport report) {
        OutputDirectory.delete(recovered(output));
        return report;
    }

    private static Path recovered(Path output) {
        Path target = output.toAbsolutePath().normalize();
        return target.resolveSibling(target.getFileName() + ".recovered");
    }
}
