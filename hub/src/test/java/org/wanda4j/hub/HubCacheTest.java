package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.wanda4j.checkpoint.InvalidInputException;

/// What is in the cache, and removing from it.
class HubCacheTest extends HubTest {

    private static final String OTHER_COMMIT = "fedcba9876543210fedcba9876543210fedcba98";

    private HubCache hubCache() {
        return new HubCache(settings());
    }

    /// A second commit, which shares the configuration with the first.
    private void addCommit() throws IOException {
        Path snapshot = repo().resolve("snapshots").resolve(OTHER_COMMIT);
        Files.createDirectories(snapshot);
        Files.write(repo().resolve("blobs/0123"), random(500));
        Files.createSymbolicLink(snapshot.resolve(MODEL), Path.of("../../blobs/0123"));
        Files.createSymbolicLink(
                snapshot.resolve("config.json"),
                Path.of("../../blobs").resolve(server.digest("config.json")));
        Files.createDirectories(repo().resolve("refs/refs/pr"));
        Files.writeString(repo().resolve("refs/refs/pr/1"), OTHER_COMMIT);
    }

    @Test
    void withoutACacheThereIsNothing() {
        assertEquals(List.of(), hubCache().list());
    }

    @Test
    void repositoriesAreListedWithTheirSize() throws IOException {
        model(random(1000));
        Snapshot snapshot = fetch();
        addCommit();
        Files.write(repo().resolve("blobs/4567.incomplete"), random(70));
        Files.createDirectories(cache().resolve("datasets--a--b"));
        Files.createDirectories(cache().resolve("something"));
        Files.writeString(cache().resolve("CACHEDIR.TAG"), "");
        List<CachedRepo> repos = hubCache().list();
        assertEquals(
                List.of("org/name", "datasets/a/b"), repos.stream().map(CachedRepo::id).toList());
        CachedRepo repo = repos.getFirst();
        assertEquals(snapshot.bytes() + 500 + 70 + 2 * 40, repo.bytes());
        assertEquals(70, repo.incompleteBytes());
        assertEquals(
                List.of(
                        new CachedRepo.CachedRevision(
                                snapshot.commit(), List.of("main"), 3, snapshot.bytes()),
                        new CachedRepo.CachedRevision(
                                OTHER_COMMIT, List.of("refs/pr/1"), 2, 500 + 3)),
                repo.revisions());
    }

    @Test
    void aRepositoryIsRemovedWhole() throws IOException {
        model(random(1000));
        fetch();
        long bytes = hubCache().list().getFirst().bytes();
        Path other = Files.createDirectories(cache().resolve("models--org--other"));
        assertEquals(bytes, hubCache().remove(ID));
        assertFalse(Files.exists(repo()));
        assertTrue(Files.exists(other));
        assertThrows(InvalidInputException.class, () -> hubCache().remove(ID));
    }

    @Test
    void ofARevisionThatIsRemovedTheFilesOfOthersStay() throws IOException {
        model(random(1000));
        Snapshot snapshot = fetch();
        addCommit();
        HubId revision = HubId.parse("org/name@refs/pr/1").orElseThrow();
        assertEquals(500 + 40, hubCache().remove(revision));
        server.forget();
        assertEquals(snapshot.directory(), fetch().directory());
        assertEquals(List.of(), server.fetched());
        assertFalse(Files.exists(repo().resolve("refs/refs/pr/1")));
        assertThrows(InvalidInputException.class, () -> hubCache().remove(revision));
        HubId last = HubId.parse("org/name@0123").orElseThrow();
        hubCache().remove(last);
        assertFalse(Files.exists(repo()));
    }

    @Test
    void whatLinksLeadToOutsideStays() throws IOException {
        model(random(1000));
        Snapshot snapshot = fetch();
        addCommit();
        Path outside = Files.writeString(directory.resolve("outside"), "mine");
        Path folder = Files.createDirectories(directory.resolve("folder"));
        Files.writeString(folder.resolve("file"), "mine");
        Path links = repo().resolve("snapshots").resolve(OTHER_COMMIT);
        Files.createSymbolicLink(links.resolve("link"), outside);
        Files.createSymbolicLink(links.resolve("folder"), folder);
        hubCache().remove(HubId.parse("org/name@" + OTHER_COMMIT).orElseThrow());
        hubCache().remove(ID);
        assertEquals("mine", Files.readString(outside));
        assertEquals("mine", Files.readString(folder.resolve("file")));
        assertFalse(Files.exists(Path.of(snapshot.directory())));
    }
}
