package org.wanda4j.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputDirectoryTest {

    @TempDir private Path directory;

    private Path model;
    private Path target;

    @BeforeEach
    void makeModel() throws IOException {
        model = Files.createDirectory(directory.resolve("model"));
        target = directory.resolve("out");
    }

    @Test
    void itAppearsOnlyWhenItIsPublished() throws IOException {
        try (OutputDirectory output = claim(false)) {
            output.write("config.json", "new");
            assertFalse(Files.exists(target));
            output.publish();
            assertEquals("new", config(target));
        }
        assertOnly("model", "out");
        assertEquals("new", config(target));
    }

    @Test
    void withoutPublishingNothingIsLeft() throws IOException {
        try (OutputDirectory output = claim(false)) {
            output.write("config.json", "new");
            Files.createDirectories(output.work().resolve("deep/er"));
        }
        assertOnly("model");
    }

    @Test
    void missingParentsAreMadeAndGoAgainWithAFailure() throws IOException {
        target = directory.resolve("a/b/out");
        claim(false).close();
        assertOnly("model");
        try (OutputDirectory output = claim(false)) {
            output.write("config.json", "new");
            output.publish();
        }
        assertEquals("new", config(target));
    }

    @Test
    void anExistingOneIsRefusedWithoutForce() throws IOException {
        existing("old");
        assertRefused(false, "exists; choose another -o, or replace it with --force");
        assertEquals("old", config(target));
        assertOnly("model", "out");
    }

    @Test
    void anEmptyDirectoryIsAsGoodAsNone() throws IOException {
        Files.createDirectory(target);
        publish(false, "new");
        assertEquals("new", config(target));
    }

    @Test
    void forceReplacesOnlyWhenTheNewOneIsComplete() throws IOException {
        existing("old");
        claim(true).close();
        assertEquals("old", config(target));
        try (OutputDirectory output = claim(true)) {
            output.write("config.json", "new");
            assertEquals("old", config(target));
            output.publish();
            assertEquals("new", config(target));
        }
        assertOnly("model", "out");
    }

    @Test
    void nothingOfTheReplacedOneIsMixedIn() throws IOException {
        existing("old");
        Files.writeString(target.resolve("old-only"), "");
        publish(true, "new");
        assertFalse(Files.exists(target.resolve("old-only")));
    }

    @Test
    void forceDoesNotReplaceWhatIsNoCheckpoint() throws IOException {
        Files.createDirectory(target);
        Files.writeString(target.resolve("thesis.tex"), "years of work");
        assertRefused(true, "holds no checkpoint (no config.json), so --force does not replace it");
        assertTrue(Files.exists(target.resolve("thesis.tex")));
        Files.writeString(directory.resolve("file"), "");
        target = directory.resolve("file");
        assertRefused(true, "no checkpoint");
    }

    @Test
    void ofALinkThatIsReplacedTheTargetStays() throws IOException {
        Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
        Files.writeString(elsewhere.resolve("config.json"), "old");
        Files.createSymbolicLink(target, elsewhere);
        publish(true, "new");
        assertEquals("new", config(target));
        assertFalse(Files.isSymbolicLink(target));
        assertEquals("old", config(elsewhere));
        assertOnly("elsewhere", "model", "out");
    }

    @Test
    void aLinkToNowhereIsNotWrittenThrough() throws IOException {
        Files.createSymbolicLink(target, directory.resolve("nowhere"));
        assertRefused(false, "exists");
        assertFalse(Files.exists(directory.resolve("nowhere")));
    }

    @Test
    void theModelAndWhatIsInItOrAroundItIsNoOutput() throws IOException {
        String expected = "the output must lie outside the model's directory";
        for (Path inside :
                List.of(
                        model,
                        model.resolve("out"),
                        model.resolve("a/b"),
                        directory,
                        model.resolve(".."))) {
            target = inside;
            assertRefused(true, expected);
        }
        Files.createSymbolicLink(directory.resolve("link"), model);
        for (Path inside : List.of(directory.resolve("link"), directory.resolve("link/out"))) {
            target = inside;
            assertRefused(true, expected);
        }
        assertOnly("link", "model");
        assertTrue(isEmpty(model));
    }

    @Test
    void aNeighbourWhoseNameBeginsLikeTheModelsIsAnOutput() throws IOException {
        target = directory.resolve("model-pruned");
        publish(false, "new");
        assertEquals("new", config(target));
    }

    @Test
    void ofTwoRunsOnOneNameTheSecondIsRefused() throws IOException {
        try (OutputDirectory first = claim(false)) {
            first.write("config.json", "first");
            assertRefused(false, "another run is writing there");
            assertRefused(true, "another run is writing there");
            first.publish();
        }
        assertEquals("first", config(target));
        publish(true, "second");
        assertEquals("second", config(target));
    }

    @Test
    void aRunThatIsClosedAgainDoesNotTouchTheNextOne() throws IOException {
        OutputDirectory first = claim(false);
        first.close();
        try (OutputDirectory second = claim(false)) {
            second.write("config.json", "second");
            first.close();
            assertRefused(false, "another run is writing there");
            second.publish();
        }
        assertEquals("second", config(target));
        assertOnly("model", "out");
    }

    @Test
    void whatAKilledRunLeftIsClearedAway() throws IOException {
        Path partial = Files.createDirectory(directory.resolve("out.partial"));
        Files.writeString(partial.resolve("model.safetensors"), "half");
        leftLock();
        publish(false, "new");
        assertEquals("new", config(target));
        assertFalse(Files.exists(target.resolve("model.safetensors")));
        assertOnly("model", "out");
    }

    @Test
    void whatAKilledRunWasReplacingComesBack() throws IOException {
        Path replaced = Files.createDirectory(directory.resolve("out.replaced"));
        Files.writeString(replaced.resolve("config.json"), "old");
        leftLock();
        assertRefused(false, "exists; choose another -o");
        assertEquals("old", config(target));
        assertOnly("model", "out");
    }

    @Test
    void aReplacementThatAKilledRunHadFinishedStays() throws IOException {
        existing("new");
        Path replaced = Files.createDirectory(directory.resolve("out.replaced"));
        Files.writeString(replaced.resolve("config.json"), "old");
        leftLock();
        assertRefused(false, "exists; choose another -o");
        assertEquals("new", config(target));
        assertOnly("model", "out");
    }

    @Test
    void whatHasAJournalIsLeftForARunThatGoesOn() throws IOException {
        interrupt("half");
        assertOnly("model", "out.lock", "out.partial");
        assertRefused(false, "left out.partial; go on with --resume, or start afresh with --force");
        assertOnly("model", "out.lock", "out.partial");
        try (OutputDirectory output = OutputDirectory.resume(target, model, false)) {
            assertEquals("one block", Files.readString(output.journal().orElseThrow()));
            assertEquals("half", Files.readString(output.resolve("config.json")));
            output.publish();
        }
        assertOnly("model", "out");
        try (Stream<Path> files = Files.list(target)) {
            assertEquals(List.of(target.resolve("config.json")), files.toList());
        }
    }

    @Test
    void forceClearsAwayWhatHasAJournal() throws IOException {
        interrupt("half");
        try (OutputDirectory output = claim(true)) {
            assertTrue(output.journal().isEmpty());
            assertFalse(Files.exists(output.resolve("config.json")));
        }
        assertOnly("model");
    }

    @Test
    void whatHasAJournalIsKnownWithoutItsLock() throws IOException {
        interrupt("half");
        Files.delete(directory.resolve("out.lock"));
        OutputDirectory.resume(target, model, false).close();
        assertOnly("model", "out.lock", "out.partial");
        publish(true, "new");
        assertOnly("model", "out");
    }

    @Test
    void aRunThatNobodyCanGoOnWithLeavesNothing() throws IOException {
        try (OutputDirectory output = claim(false)) {
            output.writeJournal("one block");
            output.discard();
        }
        assertOnly("model");
    }

    @Test
    void whereNothingWasInterruptedARunThatIsToGoOnBegins() throws IOException {
        try (OutputDirectory output = OutputDirectory.resume(target, model, false)) {
            assertTrue(output.journal().isEmpty());
            output.write("config.json", "new");
            output.publish();
        }
        assertOnly("model", "out");
    }

    @Test
    void anOutputThatWasCutOffBetweenItsRenameAndTheEndIsCleanedUp() throws IOException {
        existing("new");
        Files.writeString(
                Files.createDirectory(target.resolve(".wanda")).resolve("journal.json"), "all");
        leftLock();
        assertRefused(false, "exists; choose another -o");
        assertFalse(Files.exists(target.resolve(".wanda")));
        assertOnly("model", "out");
    }

    @Test
    void anOutputThatWasCutOffWhileItsJournalWentIsCleanedUp() throws IOException {
        existing("new");
        Files.createDirectory(target.resolve(".wanda"));
        OutputDirectory.claim(target, model, true).close();
        assertFalse(Files.exists(target.resolve(".wanda")));
        assertTrue(Files.exists(target.resolve("config.json")));
    }

    @Test
    void aRunThatReplacesGoesOnAfterAStopBetweenItsTwoRenames() throws IOException {
        interrupt("half");
        Path replaced = Files.createDirectory(directory.resolve("out.replaced"));
        Files.writeString(replaced.resolve("config.json"), "old");
        try (OutputDirectory output = OutputDirectory.resume(target, model, true)) {
            assertEquals("old", config(target));
            output.publish();
        }
        assertEquals("half", config(target));
        assertOnly("model", "out");
    }

    @Test
    void directoriesOfSuchANameThatNoRunLeftAreNotTouched() throws IOException {
        for (String name : List.of("out.partial", "out.replaced")) {
            Path own = Files.createDirectory(directory.resolve(name));
            Files.writeString(own.resolve("thesis.tex"), "years of work");
            assertRefused(true, name + " is in the way and was not left by a run");
            assertOnly("model", name);
            Files.delete(own.resolve("thesis.tex"));
            Files.delete(own);
        }
    }

    @Test
    void aLockThatWasLeftBehindLocksNothing() throws IOException {
        leftLock();
        publish(false, "new");
        assertOnly("model", "out");
    }

    @Test
    void linksInWhatIsClearedAwayAreNotFollowed() throws IOException {
        try (OutputDirectory output = claim(false)) {
            Files.createSymbolicLink(output.work().resolve("link"), model);
            Files.writeString(model.resolve("config.json"), "kept");
        }
        assertEquals("kept", config(model));
        assertOnly("model");
    }

    @Test
    void aFileInPlaceOfAParentIsNamed() throws IOException {
        Files.writeString(directory.resolve("file"), "");
        target = directory.resolve("file/out");
        assertRefused(false, "cannot write " + target);
        assertOnly("file", "model");
    }

    @Test
    void aDiskThatIsTooSmallIsNoticedBeforeTheWork() throws IOException {
        try (OutputDirectory output = claim(false)) {
            var refusal =
                    assertThrows(
                            InvalidInputException.class,
                            () -> output.requireSpace(Long.MAX_VALUE / 2));
            assertTrue(
                    refusal.getMessage().contains("MB free; make room or choose another -o"),
                    refusal.getMessage());
        }
        assertFalse(Files.exists(target, LinkOption.NOFOLLOW_LINKS));
    }

    private OutputDirectory claim(boolean replace) {
        return OutputDirectory.claim(target, model, replace);
    }

    private void publish(boolean replace, String content) throws IOException {
        try (OutputDirectory output = claim(replace)) {
            output.write("config.json", content);
            output.publish();
        }
    }

    /// A run that ends in the middle.
    private void interrupt(String content) throws IOException {
        try (OutputDirectory output = claim(false)) {
            output.write("config.json", content);
            output.writeJournal("one block");
        }
    }

    private void existing(String content) throws IOException {
        Files.createDirectory(target);
        Files.writeString(target.resolve("config.json"), content);
    }

    /// The lock file of a run that could not remove it.
    private void leftLock() throws IOException {
        Files.writeString(directory.resolve("out.lock"), "f2d1f0a8-7a3e-4dfb-9d37-5f4a3c1b2e10");
    }

    private void assertRefused(boolean replace, String expected) {
        var refusal = assertThrows(InvalidInputException.class, () -> claim(replace).close());
        assertTrue(refusal.getMessage().contains(expected), refusal.getMessage());
    }

    private void assertOnly(String... names) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(
                    List.of(names),
                    files.map(file -> file.getFileName().toString()).sorted().toList());
        }
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.findAny().isEmpty();
        }
    }

    private static String config(Path directory) throws IOException {
        return Files.readString(directory.resolve("config.json"));
    }
}
