package org.wanda4j.recover;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.quantize.NearestPacking;
import org.wanda4j.report.RecoverReport;

/// Recovers a checkpoint for packed values, and packs it: each weight becomes what training has last computed with. Until the
/// output is there, what was trained lies in `OUTPUT.recovered`.
///
/// @param recoverer of that name of the output
/// @param values that it is recovered for
/// @param output where the packed checkpoint appears, whole or not at all
/// @param replace whether a checkpoint that is already there may be replaced
record RecoverAndPack(Recoverer recoverer, ValueType values, Path output, boolean replace) {

    RecoverReport run() {
        recoverer.claim(output, replace).close(); // Before it is needed.
        return packed(recoverer.begin(recovered(output), replace));
    }

    RecoverReport resume() {
        return recoverer
                .ended(output)
                .map(this::ended)
                .orElseGet(() -> packed(recoverer.resume(recovered(output), replace)));
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
        return OutputDirectory.beside(output, ".recovered");
    }
}
