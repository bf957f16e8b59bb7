package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.HeldProcess.Point;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.prune.PruneProcess.Job;
import org.wanda4j.sparse.Mask;
import org.wanda4j.torch.Device;
import tools.jackson.databind.node.ObjectNode;

/// A process that is killed (SIGKILL) anywhere leaves what another one makes the same output of, byte for byte, as one that
/// was left alone.
class ResumeTest {

    private static final int BLOCKS = 6;

    private static final List<String> TIMES =
            List.of("output", "seconds", "phases", "peakResidentBytes");

    private static final RunSettings SETTINGS = new RunSettings(2, Long.MAX_VALUE, Progress.NONE);

    @TempDir private static Path references;

    private static final Map<Job, Path> REFERENCES = new EnumMap<>(Job.class);
    private static final Map<Job, List<long[]>> MASKS = new EnumMap<>(Job.class);

    @TempDir private Path directory;

    /// The last column is how many blocks are done at least when the process dies: so many need not be pruned again.
    @ParameterizedTest(name = "{0} killed at call {3} of {1}.{2}")
    @CsvSource({
        // In the middle of a stage.
        "WANDA,     org.wanda4j.calibrate.StageSums,         add,            20, 1",
        // A block begins, with the hidden states of two models behind it.
        "TUNED,     org.wanda4j.prune.BlockPruner,           prune,           4, 2",
        // While tensors are written.
        "WANDA,     org.wanda4j.checkpoint.Disk,             writeFully,     20, 1",
        // Before and after a rename of the journal.
        "WANDA,     java.nio.file.Files,                     move,            2, 1",
        "WANDA,     org.wanda4j.checkpoint.Disk,             forceDirectory,  4, 3",
        // All blocks are done, and their masks not read yet.
        "WANDA,     java.nio.file.Files,                     move,            7, 6",
        // While the output is completed.
        "SPARSEGPT, org.wanda4j.checkpoint.CheckpointWriter, copyOtherFiles,  1, 6",
        // Before each rename of the publication, and after both.
        "WANDA,     java.nio.file.Files,                     move,            8, 6",
        "WANDA,     java.nio.file.Files,                     move,            9, 6",
        "WANDA,     org.wanda4j.checkpoint.OutputDirectory,  leave,           1, 0",
    })
    void aRunThatIsKilledAtAPointGoesOnToTheSameBytes(
            Job job, String type, String method, int call, int done) throws IOException {
        PruneProcess process = overAnOldOutput(job);
        process.killAt(new Point(type, method, call), "force");
        assertTrue(done(process) >= done, done(process) + " blocks are done");
        boolean finished = isFinished(process);
        List<long[]> masks = new ArrayList<>();
        job.resume(process.output(), SETTINGS, it -> masks.addAll(words(it)));
        assertSame(job, process.output());
        if (finished) {
            assertTrue(masks.isEmpty());
        } else {
            assertArrayEquals(MASKS.get(job).toArray(), masks.toArray());
        }
    }

    /// A device does not have the states of every block written.
    @Test
    void aRunOnADeviceThatIsStoppedGoesOnToTheSameBytes() throws IOException {
        RunSettings device = SETTINGS.withDevice(Device.EMULATED);
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        Job.WANDA.resume(whole, device, _ -> {});
        Progress stopping =
                new Progress() {
                    @Override
                    public void start(String what, long tokens) {}

                    @Override
                    public void advance(long tokens, String step) {
                        if (step.startsWith("block 4")) {
                            throw new IllegalStateException(step);
                        }
                    }
                };
        assertThrows(
                IllegalStateException.class,
                () -> Job.WANDA.resume(stopped, device.withProgress(stopping), _ -> {}));
        Job.WANDA.resume(stopped, device, _ -> {});
        assertEquals(
                -1,
                Files.mismatch(
                        whole.resolve("model.safetensors"), stopped.resolve("model.safetensors")));
    }

    @ParameterizedTest(name = "{0} killed at call {3} of {1}.{2}")
    @Tag("slow")
    @CsvSource({
        "SPARSEGPT,      org.wanda4j.allocate.ScoreSurvey,           scores,          3, 0",
        "SPARSEGPT,      org.wanda4j.prune.BlockPruner,           prune,           1, 0",
        "WANDA,          org.wanda4j.prune.BlockPruner,           prune,           1, 0",
        "WANDA,          org.wanda4j.prune.BlockPruner,           prune,           4, 2",
        "WANDA_BLOCK,    org.wanda4j.prune.BlockPruner,           prune,           3, 1",
        "SPARSEGPT,      org.wanda4j.prune.BlockPruner,           prune,           3, 1",
        "SPARSEGPT_BF16, org.wanda4j.prune.BlockPruner,           prune,           6, 4",
        "TUNED_BLOCK,    org.wanda4j.prune.BlockPruner,           prune,           5, 3",
        "ADMM,           org.wanda4j.prune.LinearPruner,          prune,          18, 1",
        "TUNED,          org.wanda4j.torch.BlockTraining,         step,           56, 3",
        "MAGNITUDE,      org.wanda4j.checkpoint.Disk,             writeFully,     20, 1",
        "WANDA,          org.wanda4j.checkpoint.Disk,             writeFully,     40, 2",
        "WANDA,          org.wanda4j.checkpoint.Disk,             force,           8, 2",
        "MAGNITUDE,      org.wanda4j.checkpoint.Disk,             forceDirectory,  4, 3",
        "WANDA,          org.wanda4j.checkpoint.CheckpointWriter, complete,        1, 4",
        "WANDA,          org.wanda4j.checkpoint.OutputDirectory,  write,           2, 6",
        "WANDA,          org.wanda4j.checkpoint.OutputDirectory,  clearWork,       1, 6",
        "WANDA,          org.wanda4j.checkpoint.OutputLock,       release,         1, 0",
    })
    void aRunThatIsKilledAtAnyOtherPointGoesOnToTheSameBytes(
            Job job, String type, String method, int call, int done) throws IOException {
        aRunThatIsKilledAtAPointGoesOnToTheSameBytes(job, type, method, call, done);
    }

    @Test
    void aRunThatIsKilledAtRandomGoesOnToTheSameBytes() throws IOException {
        killAtRandom(2, 20_261_124);
    }

    @Test
    @Tag("slow")
    void aRunThatIsKilledAtFiftyRandomMomentsGoesOnToTheSameBytes() throws IOException {
        killAtRandom(50, new Random().nextLong());
    }

    /// Kills runs at random moments, on after each other until `kills` have died, and looks at all that come to their end.
    private void killAtRandom(int kills, long seed) throws IOException {
        System.out.println("seed " + seed);
        var random = new Random(seed);
        List<Job> jobs = List.of(Job.WANDA, Job.SPARSEGPT, Job.TUNED, Job.WANDA_BLOCK);
        int killed = 0;
        int ended = 0;
        for (int run = 0; killed < kills; run++) {
            Job job = jobs.get(run % jobs.size());
            PruneProcess process = overAnOldOutput(job);
            // Longer each time: a run comes to its end on the slowest machine.
            for (long longest = 2000;
                    !process.runFor(random.nextLong(longest), "force", "resume");
                    longest *= 2) {
                killed++;
            }
            ended++;
            assertSame(job, process.output());
        }
        System.out.println(killed + " killed, " + ended + " outputs compared");
        assertTrue(killed >= kills && ended > 0);
    }

    /// How many blocks the journal speaks of.
    private static int done(PruneProcess process) {
        return OutputDirectory.journalOf(process.output())
                .map(file -> Json.read(file).get("outcome").get("blocks").size())
                .orElse(0);
    }

    /// Whether nothing is left to be computed.
    private static boolean isFinished(PruneProcess process) {
        return OutputDirectory.journalOf(process.output())
                .map(file -> Json.read(file).get("finished").asBoolean())
                .orElse(true);
    }

    private PruneProcess overAnOldOutput(Job job) throws IOException {
        Path parent = Files.createTempDirectory(directory, "run");
        Path old = Files.createDirectory(parent.resolve("out"));
        Files.writeString(old.resolve("config.json"), "{}");
        Files.writeString(old.resolve("old"), "");
        return new PruneProcess(job, parent.resolve("out"));
    }

    private static void assertSame(Job job, Path output) throws IOException {
        try (Stream<Path> files = Files.list(output.getParent())) {
            assertEquals(List.of(output), files.toList());
        }
        Path reference = REFERENCES.computeIfAbsent(job, ResumeTest::undisturbed);
        assertEquals(names(reference), names(output));
        for (String name : names(reference)) {
            Path expected = reference.resolve(name);
            Path actual = output.resolve(name);
            if (name.equals("wanda-report.json")) {
                assertEquals(withoutTimes(expected), withoutTimes(actual));
            } else {
                assertEquals(-1, Files.mismatch(expected, actual), name);
            }
        }
    }

    /// What the job makes in this process, undisturbed.
    private static Path undisturbed(Job job) {
        Path output = references.resolve(job.name()).resolve("out");
        job.run(output, SETTINGS, masks -> MASKS.put(job, words(masks)));
        return output;
    }

    private static List<long[]> words(PrunedMasks masks) {
        return IntStream.range(0, BLOCKS)
                .boxed()
                .flatMap(block -> masks.of(block).values().stream())
                .map(Mask::words)
                .toList();
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private static ObjectNode withoutTimes(Path report) {
        return ((ObjectNode) Json.read(report)).remove(TIMES).put("kernels", "");
    }
}
