package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.wanda4j.HubServer;

/// The cache is that of Hugging Face's Python client: python-cache.txt is what huggingface_hub 2.4.0 made of the same repository.
class PythonCacheTest extends HubTest {

    /// What is the client's own: a tag for backup programs, and the listing that it was given.
    private static final String ITS_OWN = "CACHEDIR\\.TAG|.*/trees/.*";

    @BeforeEach
    void serve() {
        byte[] weights = new byte[1024];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (byte) i;
        }
        model(weights);
    }

    private static SortedMap<String, String> pythons() throws IOException {
        try (InputStream in = PythonCacheTest.class.getResourceAsStream("python-cache.txt")) {
            var listing = new TreeMap<String, String>();
            new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(line -> line.split("\t"))
                    .filter(line -> !line[0].matches(ITS_OWN))
                    .forEach(line -> listing.put(line[0], line[1]));
            assertFalse(listing.isEmpty());
            return listing;
        }
    }

    @Test
    void whatIsFetchedHereLiesAsThere() throws IOException {
        fetch();
        assertEquals(pythons(), listing(cache()));
    }

    @Test
    void whatWasFetchedThereIsNotFetchedHere() throws IOException {
        for (var entry : pythons().entrySet()) {
            Path path = cache().resolve(entry.getKey());
            Files.createDirectories(path.getParent());
            if (entry.getValue().startsWith("-> ")) {
                Files.createSymbolicLink(path, Path.of(entry.getValue().substring(3)));
            } else if (entry.getKey().endsWith("/refs/main")) {
                Files.writeString(path, HubServer.COMMIT);
            } else {
                Files.write(path, new byte[Integer.parseInt(entry.getValue())]);
            }
        }
        Snapshot snapshot = fetch();
        assertEquals(0, snapshot.fetchedBytes());
        assertEquals(List.of(), server.fetched());
        assertEquals(pythons(), listing(cache()));
    }
}
