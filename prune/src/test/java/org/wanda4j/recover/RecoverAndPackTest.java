package org.wanda4j.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.ValueType;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.recover.Recovery.Scope;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.text.Corpus;

/// The tiny model at 70 %, trained for some steps as it is rounded to int4.
class RecoverAndPackTest {

    private static final RunSettings SETTINGS = new RunSettings(2, Long.MAX_VALUE, Progress.NONE);

    private static final Recovery RECOVERY = recovery(new Scope.All(), ValueType.INT4);

    @TempDir private static Path references;

    @TempDir private Path directory;

    private static Path pruned;
    private static Path output;
    private static RecoverReport report;

    private static Recovery recovery(Scope scope, ValueType values) {
        Recovery base = RecoverProcess.RECOVERY;
        return new Recovery(
                scope,
                base.objective(),
                base.length(),
                base.learningRate(),
                base.seqlen(),
                base.seed(),
                Optional.of(values),
                base.type());
    }

    @BeforeAll
    static void recover() {
        pruned = RecoverProcess.prune(references.resolve("pruned"));
        output = references.resolve("out");
        report = run(output, RECOVERY, false);
    }

    private static RecoverReport run(Path target, Recovery recovery, boolean resume) {
        try (Checkpoint model = Checkpoint.open(pruned);
                Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama())) {
            Corpus text = Corpus.bundledCalibration();
            return resume
                    ? Recoverer.resume(
                            model, Optional.of(dense), recovery, text, target, false, SETTINGS)
                    : Recoverer.recover(
                            model, Optional.of(dense), recovery, text, target, false, SETTINGS);
        }
    }

    @Test
    void theRoundedModelComesNearerToTheDenseOneAndIsPacked() {
        assertTrue(report.lossAfter() < 0.9 * report.lossBefore(), report::toString);
        assertEquals(output.toString(), report.output());
        try (Checkpoint before = Checkpoint.open(pruned);
                Checkpoint after = Checkpoint.open(output);
                Arena memory = Arena.ofShared()) {
            assertEquals(Optional.of(ValueType.INT4), after.packedAs());
            for (Linear linear : Families.describe(after).linears()) {
                var removed = SparsityProfile.zeros(before.map(linear.weight(), memory));
                var zeros = SparsityProfile.zeros(after.map(linear.weight(), memory));
                for (int row = 0; row < linear.outputs(); row++) {
                    for (int column = 0; column < linear.inputs(); column++) {
                        assertTrue(!removed.get(row, column) || zeros.get(row, column));
                    }
                }
            }
        }
        assertFalse(Files.exists(output.resolveSibling("out.recovered")));
    }

    @Test
    void aRunThatEndedBeforeItWasPackedIsPacked() throws IOException {
        Path target = directory.resolve("out");
        try (Checkpoint model = Checkpoint.open(pruned);
                Checkpoint dense = Checkpoint.open(SharedFiles.tinyLlama())) {
            new Recoverer(
                            model,
                            Optional.of(dense),
                            RECOVERY,
                            Corpus.bundledCalibration(),
                            target,
                            SETTINGS,
                            Duration.ZERO)
                    .begin(directory.resolve("out.recovered"), false);
        }
        assertEquals(Optional.of("all steps are done"), Recoverer.left(target));
        assertEquals(report.heldOut(), run(target, RECOVERY, true).heldOut());
        assertEquals(
                -1,
                Files.mismatch(
                        output.resolve("model.safetensors"), target.resolve("model.safetensors")));
        assertFalse(Files.exists(directory.resolve("out.recovered")));
    }

    @Test
    void aRunThatHasEndedIsNotRunAgain() throws IOException {
        Object before = Files.readAttributes(output, "unix:ino").get("ino");
        assertEquals(report, run(output, RECOVERY, true));
        assertEquals(before, Files.readAttributes(output, "unix:ino").get("ino"));
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "F32"})
    void onlyQuantisedValuesAreRounded(ValueType values) {
        assertThrows(InvalidInputException.class, () -> recovery(new Scope.All(), values));
    }

    @Test
    void normsAreNotTrainedThroughRounding() {
        assertThrows(
                InvalidInputException.class, () -> recovery(new Scope.Norms(), ValueType.INT4));
    }
}
