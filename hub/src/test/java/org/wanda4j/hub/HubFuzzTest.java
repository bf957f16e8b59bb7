package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.Hostile;

/// Answers of any content: read, or refused in one line. Nothing in them names a file outside of the cache.
class HubFuzzTest {

    private static final HubId ID = HubId.parse("org/name").orElseThrow();
    private static final URI PAGE = URI.create("https://hub/api/models/org/name/tree/main");

    @TempDir private static Path directory;

    /// @param bytes a page of a listing
    @FuzzTest(maxDuration = "3m")
    void listing(byte[] bytes) {
        Hostile.isRead(() -> {
            for (RepoFile file : RepoListing.files(bytes, "listing")) {
                Path snapshot = Path.of("/cache/snapshots/commit");
                Path path = snapshot.resolve(file.path()).normalize();
                assertTrue(path.startsWith(snapshot) && !path.equals(snapshot), file.path());
                assertTrue(file.digest().matches("[0-9a-f]{40}|[0-9a-f]{64}"), file.digest());
                assertTrue(file.bytes() >= 0);
            }
        });
    }

    /// @param bytes the answer to a revision
    @FuzzTest(maxDuration = "3m")
    void commit(byte[] bytes) {
        Hostile.isRead(() ->
                assertTrue(
                        RepoListing.commit(bytes, "revision")
                                .matches("[0-9a-f]{40}|[0-9a-f]{64}")));
    }

    /// @param bytes an index of shards
    @FuzzTest(maxDuration = "3m")
    void index(byte[] bytes) {
        Path index = Hostile.put(directory, WantedFiles.INDEX, bytes);
        Hostile.isRead(() -> WantedFiles.ofModel(ID, List.of(), Optional.of(index)));
    }

    /// @param bytes a header that says where a listing goes on
    @FuzzTest(maxDuration = "3m")
    void link(byte[] bytes) {
        RepoListing.next(PAGE, new String(bytes, StandardCharsets.ISO_8859_1))
                .ifPresent(HttpRequest::newBuilder);
    }

    /// @param bytes an id, as a user gives it
    @FuzzTest(maxDuration = "3m")
    void id(byte[] bytes) {
        HubId.parse(new String(bytes, StandardCharsets.UTF_8))
                .ifPresent(id -> {
                    assertEquals(Optional.of(id), HubId.parse(id.toString()));
                    assertEquals(1, Path.of(id.folder()).getNameCount());
                    Path refs = Path.of("/cache/refs");
                    assertTrue(
                            refs.resolve(id.revisionOrMain()).normalize().startsWith(refs)
                                    && !id.folder().contains(".."),
                            id::toString);
                });
    }
}
