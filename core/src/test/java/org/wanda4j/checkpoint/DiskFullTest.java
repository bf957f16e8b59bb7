package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.wanda4j.checkpoint.RawSafetensors.tensor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SmallDisk;

/// A disk that fills up at any point of a run leaves one line, and nothing of the run but what its journal speaks of.
@EnabledIf(value = SmallDisk.MOUNTABLE, disabledReason = SmallDisk.NOT_MOUNTABLE)
class DiskFullTest {

    private static final int MEGABYTE = 1 << 20;

    @TempDir private Path model;

    private SmallDisk disk;

    @BeforeEach
    void mount() throws IOException {
        disk = SmallDisk.ofMegabytes(8);
        int size = 2 * MEGABYTE;
        RawSafetensors.of(
                        "{"
                                + tensor("a", "U8", "[" + size + "]", 0, size)
                                + ","
                                + tensor("b", "U8", "[" + size + "]", size, 2L * size)
                                + "}",
                        new byte[2 * size])
                .write(model.resolve(Checkpoint.SINGLE));
        Files.writeString(model.resolve("config.json"), "{}");
    }

    @AfterEach
    void unmount() {
        disk.close();
    }

    @Test
    void aDiskWithTooLittleRoomIsRefusedBeforeTheWork() throws IOException {
        Files.write(disk.directory().resolve("filler"), new byte[4 * MEGABYTE]);
        try (Checkpoint source = Checkpoint.open(model)) {
            OutputDirectory output = claim();
            assertFails(
                    () -> CheckpointWriter.resume(source, output, List.of()).close(),
                    "the output needs 6 MB and its disk has");
        }
        assertNothingLeft();
    }

    @Test
    void aDiskWithoutRoomForTheLockIsRefused() throws IOException {
        disk.fill();
        assertFails(this::claim, "cannot write " + out() + ": No space left on device");
        assertNothingLeft();
    }

    @Test
    void aFileWhoseHeaderCannotBeWrittenIsClosed() throws IOException {
        disk.fill();
        var tensor = TensorInfo.unplaced("a", DType.U8, List.of(1L));
        assertThrows(
                IOException.class,
                () ->
                        new SafetensorsWriter(
                                        disk.directory().resolve("new"), Map.of(), List.of(tensor))
                                .close());
        assertEquals(List.of(), OpenFiles.below(disk.directory()));
    }

    @Test
    void aDiskThatFillsUpWhileWeightsAreWritten() throws IOException {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            writer.write("a", MemorySegment.ofArray(new byte[2 * MEGABYTE]));
            writer.settle();
            disk.fill();
            writer.write("b", MemorySegment.ofArray(new byte[2 * MEGABYTE]));
            assertFails(writer::settle, "No space left");
        }
        assertNothingLeft();
    }

    @Test
    void aJournalDoesNotSpeakOfWhatTheDiskHadNoRoomFor() throws IOException {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            writer.write("a", MemorySegment.ofArray(new byte[2 * MEGABYTE]));
            writer.writeJournal("a is done", List.of());
            writer.settle();
            disk.fill();
            writer.write("b", MemorySegment.ofArray(new byte[2 * MEGABYTE]));
            assertThrows(
                    InvalidInputException.class,
                    () -> {
                        writer.writeJournal("a and b are done", List.of());
                        writer.settle();
                    });
        }
        Path journal = OutputDirectory.journalOf(out()).orElseThrow();
        assertEquals("a is done", Files.readString(journal));
        Files.delete(disk.directory().resolve("filler"));
        try (Checkpoint source = Checkpoint.open(model);
                OutputDirectory output = OutputDirectory.resume(out(), model, false);
                CheckpointWriter writer = CheckpointWriter.resume(source, output, List.of("a"))) {
            writer.write("b", MemorySegment.ofArray(new byte[2 * MEGABYTE]));
            writer.complete();
            writer.publish(Map.of());
        }
        try (Checkpoint pruned = Checkpoint.open(out())) {
            assertEquals(Files.size(model.resolve(Checkpoint.SINGLE)), pruned.bytes());
        }
    }

    @Test
    void aDiskThatFillsUpWhileTheRestIsCopied() throws IOException {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            disk.fill();
            assertFails(writer::complete, "No space left");
        }
        assertNothingLeft();
    }

    @Test
    void aDiskThatFillsUpBeforeTheDocumentsAreWritten() throws IOException {
        try (Checkpoint source = Checkpoint.open(model);
                CheckpointWriter writer = CheckpointWriter.resume(source, claim(), List.of())) {
            writer.complete();
            disk.fill();
            assertFails(() -> writer.publish(Map.of("wanda-report.json", "{}")), "No space left");
        }
        assertNothingLeft();
    }

    @Test
    void ofADocumentThatDoesNotFitNothingIsLeft() throws IOException {
        disk.fill();
        assertFails(
                () -> AtomicFile.write(disk.directory().resolve("report.html"), "text"),
                "No space left");
        assertNothingLeft();
    }

    private Path out() {
        return disk.directory().resolve("out");
    }

    private OutputDirectory claim() {
        return OutputDirectory.claim(out(), model, false);
    }

    private static void assertFails(Executable work, String expected) {
        var failure = assertThrows(InvalidInputException.class, work);
        assertTrue(failure.getMessage().contains(expected), failure.getMessage());
    }

    private void assertNothingLeft() throws IOException {
        try (Stream<Path> files = Files.list(disk.directory())) {
            assertEquals(
                    List.of("filler"), files.map(file -> file.getFileName().toString()).toList());
        }
    }
}
