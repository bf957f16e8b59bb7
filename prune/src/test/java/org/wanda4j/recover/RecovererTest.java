package org.wanda4j.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.EvaluationText;
import org.wanda4j.HeldProcess.Point;
import org.wanda4j.SharedFiles;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.checkpoint.TensorView;
import org.wanda4j.evaluate.Perplexity;
import org.wanda4j.model.Architecture;
import org.wanda4j.model.Linear;
import org.wanda4j.model.families.Families;
import org.wanda4j.report.RecoverReport;
import org.wanda4j.report.SparsityProfile;
import org.wanda4j.torch.Device;

/// The tiny model at 70 %, trained for some steps.
class RecovererTest {

    private static final RunSettings SETTINGS = new RunSettings(2, Long.MAX_VALUE, Progress.NONE);

    private static final Path DENSE = SharedFiles.tinyLlama();

    @TempDir private static Path references;

    @TempDir private Path directory;

    private static Path pruned;
    private static RecoverReport report;

    @BeforeAll
    static void recover() {
        pruned = RecoverProcess.prune(references.resolve("pruned"));
        report = new RecoverProcess(pruned, DENSE, references.resolve("out")).resume(2);
    }

    @Test
    void theLossFallsAndTheModelPredictsBetter() {
        assertEquals(RecoverProcess.STEPS, report.steps());
        assertEquals(RecoverProcess.STEPS, report.losses().size());
        assertTrue(report.lossAfter() < 0.8 * report.lossBefore(), report::toString);
        assertEquals(
                report.lossAfter(),
                report.heldOut().stream()
                        .mapToDouble(RecoverReport.HeldOut::loss)
                        .min()
                        .orElseThrow());
        double before = perplexity(pruned);
        double after = perplexity(references.resolve("out"));
        assertTrue(after < 0.99 * before, "from %s to %s".formatted(before, after));
    }

    private static double perplexity(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return Perplexity.measure(
                            checkpoint,
                            EvaluationText.beginning(),
                            new Perplexity.Protocol(
                                    OptionalInt.of(64), OptionalInt.of(16), Optional.empty()),
                            SETTINGS)
                    .perplexity();
        }
    }

    @Test
    void zerosStayZerosWhatSurvivesIsTrainedAndTheTableIsLeftAlone() {
        try (Checkpoint before = Checkpoint.open(pruned);
                Checkpoint after = Checkpoint.open(references.resolve("out"));
                Arena memory = Arena.ofShared()) {
            Architecture architecture = Families.describe(after);
            for (Linear linear : architecture.linears()) {
                TensorView old = before.map(linear.weight(), memory);
                TensorView trained = after.map(linear.weight(), memory);
                for (int row = 0; row < old.rows(); row++) {
                    for (int column = 0; column < old.columns(); column++) {
                        if (old.type().get(old.row(row), column) == 0) {
                            assertEquals(0, trained.type().get(trained.row(row), column));
                        }
                    }
                }
                assertNotEquals(-1, old.data().mismatch(trained.data()));
            }
            String table = architecture.embedding().tokens();
            assertEquals(
                    -1, before.map(table, memory).data().mismatch(after.map(table, memory).data()));
            architecture
                    .head()
                    .norm()
                    .orElseThrow()
                    .views()
                    .forEach(view ->
                            assertNotEquals(
                                    -1,
                                    before.map(view, memory)
                                            .data()
                                            .mismatch(after.map(view, memory).data())));
            assertEquals(
                    SparsityProfile.overall(SparsityProfile.of(after, architecture)),
                    report.sparsity());
        }
    }

    @ParameterizedTest(name = "killed at call {2} of {0}.{1}")
    @CsvSource({
        // In the middle of a step.
        "org.wanda4j.recover.ModelPass,           backward,      40",
        // While a state is written, and before and after a journal is.
        "org.wanda4j.checkpoint.Disk,             writeFully,    400",
        "java.nio.file.Files,                     move,            3",
        "org.wanda4j.checkpoint.Disk,             forceDirectory,  4",
        // While the output is written.
        "org.wanda4j.checkpoint.CheckpointWriter, write,          10",
        "org.wanda4j.checkpoint.OutputDirectory,  clearWork,       1",
    })
    void aRunThatIsKilledGoesOnToTheSameBytes(String type, String method, int call)
            throws IOException, InterruptedException {
        var process = new RecoverProcess(pruned, DENSE, directory.resolve("out"));
        process.killAt(new Point(type, method, call));
        assertTrue(OutputDirectory.journalOf(process.output()).isPresent());
        RecoverReport resumed = process.resume(1);
        assertEquals(report.losses(), resumed.losses());
        assertEquals(report.heldOut(), resumed.heldOut());
        assertSame(references.resolve("out"), process.output());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDeviceTrainsTheSameToRounding(boolean lowRank) {
        RunSettings device = SETTINGS.withDevice(Device.EMULATED);
        RecoverReport there = process("there", lowRank).resume(device);
        RecoverReport here = lowRank ? process("here", true).resume(SETTINGS) : report;
        for (int step = 0; step < here.losses().size(); step++) {
            double expected = here.losses().get(step);
            assertEquals(expected, there.losses().get(step), 1e-3 * expected, "step " + step);
        }
        assertEquals(here.lossAfter(), there.lossAfter(), 1e-3 * here.lossAfter());
        assertEquals(here.sparsity(), there.sparsity());
        assertTrue(there.engine().contains("emulated"), there::engine);
    }

    @Test
    void aDeviceGoesOnToTheSameBytes() throws IOException {
        RunSettings device = SETTINGS.withDevice(Device.EMULATED);
        RecoverReport whole = process("whole", false).resume(device);
        var stopped = new IllegalStateException("stopped");
        Progress stopping =
                new Progress() {
                    private long tokens;

                    @Override
                    public void start(String task, long count) {}

                    @Override
                    public void advance(long count, String detail) {
                        tokens += count;
                        if (tokens > 5L * Recovery.WINDOWS_PER_STEP * RecoverProcess.LENGTH) {
                            throw stopped;
                        }
                    }
                };
        RecoverProcess process = process("resumed", false);
        assertEquals(
                stopped,
                assertThrows(
                        IllegalStateException.class,
                        () -> process.resume(device.withProgress(stopping))));
        assertTrue(OutputDirectory.journalOf(process.output()).isPresent());
        RecoverReport resumed = process.resume(device);
        assertEquals(whole.losses(), resumed.losses());
        assertEquals(whole.heldOut(), resumed.heldOut());
        assertSame(directory.resolve("whole"), process.output());
    }

    private RecoverProcess process(String output, boolean lowRank) {
        Recovery recovery = RecoverProcess.RECOVERY;
        return new RecoverProcess(
                pruned,
                DENSE,
                directory.resolve(output),
                lowRank
                        ? new Recovery(
                                new Recovery.Scope.LowRank(4, 8),
                                recovery.objective(),
                                recovery.length(),
                                recovery.learningRate(),
                                recovery.seqlen(),
                                recovery.seed(),
                                recovery.values(),
                                recovery.type())
                        : recovery);
    }

    @Test
    void aRunThatHasEndedIsNotRunAgain() throws IOException {
        Path output = references.resolve("out");
        Object before = Files.readAttributes(output, "unix:ino").get("ino");
        assertEquals(report, new RecoverProcess(pruned, DENSE, output).resume(2));
        assertEquals(before, Files.readAttributes(output, "unix:ino").get("ino"));
    }

    private static void assertSame(Path expected, Path actual) throws IOException {
        assertEquals(names(expected), names(actual));
        for (String name : names(expected)) {
            if (!name.equals("wanda-recovery-report.json")) {
                assertEquals(
                        -1, Files.mismatch(expected.resolve(name), actual.resolve(name)), name);
            }
        }
        assertFalse(Files.exists(actual.resolveSibling("out.partial")));
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
