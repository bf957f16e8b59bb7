package org.wanda4j.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.HubServer;

/// A server of the hub's interface, and an empty cache.
abstract class HubTest {

    static final HubId ID = HubId.parse("org/name").orElseThrow();
    static final String MODEL = "model.safetensors";

    /// What tests wait for is short.
    static final Patience IMPATIENT =
            new Patience(3, Duration.ofMillis(1), Duration.ofSeconds(2), Duration.ofMillis(500));

    @TempDir Path directory;

    final HubServer server = new HubServer("org/name");
    final List<String> notes = new CopyOnWriteArrayList<>();

    final FetchProgress progress =
            new FetchProgress() {
                @Override
                public void start(String what, long bytes) {}

                @Override
                public void advance(long bytes, String step) {}

                @Override
                public void note(String text) {
                    notes.add(text);
                }
            };

    @AfterEach
    void stop() {
        server.close();
    }

    /// Bytes that are not alike anywhere.
    static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /// A model with one file of weights.
    HubServer model(byte[] weights) {
        return server.with("config.json", utf8("{}\n"))
                .with("tokenizer.json", utf8("{\"version\": \"1.0\"}"))
                .withLarge(MODEL, weights);
    }

    Path cache() {
        return directory.resolve("cache");
    }

    Path repo() {
        return cache().resolve("models--org--name");
    }

    HubSettings settings() {
        return new HubSettings(
                URI.create(server.endpoint()), cache(), Optional.empty(), false, true);
    }

    Snapshot fetch() {
        return fetch(settings());
    }

    Snapshot fetch(HubSettings settings) {
        return fetch(settings, ID);
    }

    Snapshot fetch(HubSettings settings, HubId id) {
        return new Hub(settings, IMPATIENT).fetch(id, progress);
    }

    /// Every file and link below `root`, with its size or its target.
    static SortedMap<String, String> listing(Path root) {
        SortedMap<String, String> found = new TreeMap<>();
        try (Stream<Path> all = Files.walk(root)) {
            for (Path path :
                    all.filter(it -> !Files.isDirectory(it) || Files.isSymbolicLink(it)).toList()) {
                found.put(
                        root.relativize(path).toString(),
                        Files.isSymbolicLink(path)
                                ? "-> " + Files.readSymbolicLink(path)
                                : "" + Files.size(path));
            }
            return found;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
