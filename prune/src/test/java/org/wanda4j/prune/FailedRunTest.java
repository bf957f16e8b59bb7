package org.wanda4j.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.SmallDisk;
import org.wanda4j.allocate.Allocation;
import org.wanda4j.calibrate.Progress;
import org.wanda4j.calibrate.RunSettings;
import org.wanda4j.checkpoint.Checkpoint;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.checkpoint.OutputDirectory;
import org.wanda4j.report.PruneReport;
import org.wanda4j.sparse.SparsityPattern.Unstructured;
import org.wanda4j.text.Corpus;
import org.wanda4j.torch.ComputeType;

/// A run that fails keeps the blocks that are done where another one can go on, and nothing where none can.
class FailedRunTest {

    private static final Recipe RECIPE =
            Recipe.DEFAULT
                    .withType(ComputeType.FP32)
                    .withSampling(Recipe.DEFAULT.sampling().withWindows(4));
    private static final String GOES_ON = "of 6 blocks are done, and --resume goes on from there";

    @TempDir private Path directory;

    private Path model;

    /// Does something once, when a block begins.
    private record When(String block, AtomicBoolean done, Executable action) implements Progress {

        static When block(int number, Executable action) {
            return new When("block " + number + "/", new AtomicBoolean(), action);
        }

        @Override
        public void start(String what, long tokens) {}

        @Override
        public void advance(long tokens, String step) {
            if (step.startsWith(block) && done.compareAndSet(false, true)) {
                try {
                    action.execute();
                } catch (RuntimeException | Error e) {
                    throw e;
                } catch (Throwable e) {
                    throw new AssertionError(e);
                }
            }
        }
    }

    @BeforeEach
    void copyModel() throws IOException {
        model = Files.createDirectory(directory.resolve("model"));
        try (Stream<Path> files = Files.list(SharedFiles.tinyLlama())) {
            for (Path file : files.toList()) {
                Files.copy(file, model.resolve(file.getFileName()));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0", "9223372036854775807"})
    @EnabledIf(value = SmallDisk.MOUNTABLE, disabledReason = SmallDisk.NOT_MOUNTABLE)
    void onceThereIsRoomAgainAFullDiskIsGoneOnWith(long scratchMemory) throws IOException {
        try (SmallDisk disk = SmallDisk.ofMegabytes(64)) {
            Path output = disk.directory().resolve("out");
            var full = settings(scratchMemory, When.block(3, disk::fill));
            assertFails(() -> prune(output, RECIPE, full), "o space left on ", GOES_ON);
            disk.fill(); // Takes the room of the run's activations too.
            assertFails(() -> resume(output, RECIPE), "MB free; make room");
            Files.delete(disk.directory().resolve("filler"));
            resume(output, RECIPE);
            assertSameAsUndisturbed(output);
        }
    }

    @Test
    @EnabledIf(value = SmallDisk.MOUNTABLE, disabledReason = SmallDisk.NOT_MOUNTABLE)
    void onceADriveIsBackARunIsGoneOnWith() throws IOException {
        Path drive = Files.createDirectory(directory.resolve("drive"));
        Path output = drive.resolve("out");
        try (SmallDisk disk = SmallDisk.ofMegabytes(64)) {
            disk.plugIn(drive);
            var pulled = settings(Long.MAX_VALUE, When.block(3, () -> SmallDisk.pullOut(drive)));
            assertFails(() -> prune(output, RECIPE, pulled), "cannot write " + output + ": ");
            assertEquals(List.of(), list(drive));
            disk.plugIn(drive);
            assertTrue(Pruner.left(output).orElseThrow().endsWith(" of 6 blocks are done"));
            resume(output, RECIPE);
            assertSameAsUndisturbed(output);
            SmallDisk.pullOut(drive);
        }
    }

    @Test
    void onceTheModelIsWholeAgainARunIsGoneOnWith() throws IOException {
        Path weights = model.resolve("model.safetensors");
        byte[] whole = Files.readAllBytes(weights);
        Path output = directory.resolve("out");
        var cut = settings(Long.MAX_VALUE, When.block(3, () -> truncate(weights)));
        assertFails(
                () -> prune(output, RECIPE, cut),
                "cannot read " + weights + ": the file is shorter than it was; ",
                GOES_ON);
        Files.write(weights, whole); // At another time, but the same.
        resume(output, RECIPE);
        assertSameAsUndisturbed(output);
    }

    @Test
    void aRunThatIsGoneOnWithBeforeItsFirstBlockIsDoneSaysOnceThatItsWindowsAreLong()
            throws IOException {
        var sampling = RECIPE.sampling();
        Recipe recipe =
                RECIPE.withSampling(
                                new Recipe.Sampling(
                                        sampling.sampler(),
                                        2,
                                        OptionalInt.of(600),
                                        sampling.seed()))
                        .withAllocation(Allocation.OWL, new LinkedHashMap<>());
        Path output = directory.resolve("out");
        var failing =
                settings(
                        Long.MAX_VALUE,
                        When.block(
                                1,
                                () -> {
                                    throw new IllegalStateException();
                                }));
        assertThrows(IllegalStateException.class, () -> prune(output, recipe, failing));
        assertEquals("0 of 6 blocks are done", Pruner.left(output).orElseThrow());
        resume(output, recipe);
        var report = Json.read(output.resolve("wanda-report.json"), PruneReport.class);
        assertEquals(1, report.notes().size(), report.notes().toString());
    }

    @Test
    void aModelWhoseDigestCannotBeReadIsNoFaultOfTheProgram() throws IOException {
        Path weights = model.resolve("model.safetensors");
        try (Checkpoint source = Checkpoint.open(model)) {
            Files.delete(weights); // The run has it open, and reads on.
            Files.createDirectory(weights);
            assertThrows(
                    InvalidInputException.class,
                    () ->
                            Pruner.prune(
                                    source,
                                    RECIPE,
                                    Corpus.bundledCalibration(),
                                    directory.resolve("out"),
                                    false,
                                    settings()));
        }
    }

    @Test
    void nothingIsKeptOfARunThatWouldFailAgain() throws IOException {
        Path weights = model.resolve("model.safetensors");
        long offset;
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            offset = checkpoint.info("model.layers.4.mlp.up_proj.weight").offset();
        }
        try (FileChannel channel = FileChannel.open(weights, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {(byte) 0xC0, 0x7F}), offset); // NaN
        }
        Path output = directory.resolve("out");
        var failure =
                assertThrows(InvalidInputException.class, () -> prune(output, RECIPE, settings()));
        assertTrue(failure.getMessage().contains("up_proj"), failure.getMessage());
        assertFalse(failure.getMessage().contains("--resume"), failure.getMessage());
        assertEquals(List.of("model"), list(directory));
    }

    @Test
    void anotherRecipeIsRefusedByWhatDiffers() throws IOException {
        Path output = interrupted();
        Recipe other = RECIPE.withPattern(new Unstructured(0.6)).withMethod("ria");
        assertFails(
                () -> resume(output, other),
                "method was \"wanda\", is \"ria\", sparsity was 0.5, is 0.6; repeat its command, or start afresh with --force");
        assertGoesOn(output);
    }

    @Test
    void anotherModelIsRefused() throws IOException {
        Path output = interrupted();
        Path weights = model.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        byte[] other = bytes.clone();
        other[other.length - 1] ^= 1;
        Files.write(weights, other);
        assertFails(() -> resume(output, RECIPE), "the model was [{");
        Files.write(weights, bytes);
        assertGoesOn(output);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "\"wanda4j\" : \"development\";   \"wanda4j\" : \"0.0.1\"; versions.wanda4j was \"0.0.1\", is \"development\"",
                "\"machine\" : \"AVX;             \"machine\" : \"VAX;     the CPU was \"VAX",
            })
    void anotherVersionOrMachineIsRefused(String now, String then, String expected)
            throws IOException {
        Path output = interrupted();
        Path journal = OutputDirectory.journalOf(output).orElseThrow();
        String text = Files.readString(journal);
        assertTrue(text.contains(now), text);
        Files.writeString(journal, text.replace(now, then));
        assertFails(() -> resume(output, RECIPE), expected);
        Files.writeString(journal, text);
        assertGoesOn(output);
    }

    @Test
    void whatTheJournalSpeaksOfMustBeThere() throws IOException {
        Path output = interrupted();
        Files.delete(directory.resolve("out.partial/model.safetensors"));
        assertFails(
                () -> resume(output, RECIPE),
                "out.partial lacks what its journal speaks of",
                "start afresh with --force");
    }

    @Test
    void masksThatTheJournalSpeaksOfMustBeThere() throws IOException {
        Path output = interrupted();
        Files.write(directory.resolve("out.partial/.wanda/masks-1"), new byte[8]);
        assertFails(
                () -> resume(output, RECIPE),
                "out.partial lacks what its journal speaks of (masks-1)",
                "start afresh with --force");
    }

    @Test
    void withoutResumeARunThatWasInterruptedIsNotClearedAway() throws IOException {
        Path output = interrupted();
        assertFails(() -> prune(output, RECIPE, settings()), "go on with --resume");
        assertGoesOn(output);
    }

    @Test
    void aRunThatHadEndedIsNotDoneAgain() throws IOException {
        Path output = directory.resolve("out");
        prune(output, RECIPE, settings());
        String report = Files.readString(output.resolve("wanda-report.json"));
        resume(output, RECIPE);
        assertEquals(report, Files.readString(output.resolve("wanda-report.json")));
        assertFails(() -> resume(output, RECIPE.withMethod("ria")), "exists; choose another -o");
    }

    /// A run that a fault of the program ended in its fourth block.
    private Path interrupted() {
        Path output = directory.resolve("out");
        var faulty =
                settings(
                        Long.MAX_VALUE,
                        When.block(
                                4,
                                () -> {
                                    throw new IllegalStateException("a fault");
                                }));
        assertThrows(IllegalStateException.class, () -> prune(output, RECIPE, faulty));
        return output;
    }

    private void assertGoesOn(Path output) throws IOException {
        resume(output, RECIPE);
        assertSameAsUndisturbed(output);
    }

    private void assertSameAsUndisturbed(Path output) throws IOException {
        Path reference = directory.resolve("undisturbed");
        prune(reference, RECIPE, settings());
        for (String file : List.of("model.safetensors", "wanda-recipe.json", "README.md")) {
            assertEquals(-1, Files.mismatch(reference.resolve(file), output.resolve(file)), file);
        }
        assertEquals(list(reference), list(output));
    }

    /// Cuts off the last block, which is not in use yet.
    private void truncate(Path weights) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                FileChannel channel = FileChannel.open(weights, StandardOpenOption.WRITE)) {
            channel.truncate(
                    checkpoint.tensors().stream()
                            .filter(tensor -> tensor.name().contains(".layers.5."))
                            .mapToLong(tensor -> tensor.offset())
                            .min()
                            .orElseThrow());
        }
    }

    private void prune(Path output, Recipe recipe, RunSettings settings) {
        try (Checkpoint source = Checkpoint.open(model)) {
            Pruner.prune(source, recipe, Corpus.bundledCalibration(), output, false, settings);
        }
    }

    private void resume(Path output, Recipe recipe) {
        try (Checkpoint source = Checkpoint.open(model)) {
            Pruner.resume(source, recipe, Corpus.bundledCalibration(), output, false, settings());
        }
    }

    private static RunSettings settings() {
        return settings(Long.MAX_VALUE, Progress.NONE);
    }

    private static RunSettings settings(long scratchMemory, Progress progress) {
        return new RunSettings(2, scratchMemory, progress);
    }

    private static void assertFails(Executable work, String... expected) {
        var failure = assertThrows(InvalidInputException.class, work);
        for (String part : expected) {
            assertTrue(failure.getMessage().contains(part), failure.getMessage());
        }
    }

    private static List<String> list(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
