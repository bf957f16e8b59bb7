package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.HubServer;
import org.wanda4j.checkpoint.InvalidInputException;

/// What of a model is fetched, and where it lies.
class FetchTest extends HubTest {

    /// An entry of a listing.
    private static final String EMPTY_FILE =
            "{\"type\": \"file\", \"path\": \"%s\", \"size\": 0, \"oid\": \"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\"}";

    private static final String SNAPSHOT = "models--org--name/snapshots/" + HubServer.COMMIT + "/";

    @Test
    void aModelLiesInTheCacheAsHuggingFacesToolsLayItOut() throws IOException {
        byte[] weights = random(100_000);
        model(weights);
        Snapshot snapshot = fetch();
        var expected = new TreeMap<String, String>();
        for (String file : List.of("config.json", "tokenizer.json", MODEL)) {
            String digest = server.digest(file);
            expected.put(SNAPSHOT + file, "-> ../../blobs/" + digest);
            expected.put(
                    "models--org--name/blobs/" + digest,
                    "" + Files.size(Path.of(snapshot.directory(), file)));
            expected.put(".locks/models--org--name/" + digest + ".lock", "0");
        }
        expected.put("models--org--name/refs/main", "40");
        assertEquals(expected, listing(cache()));
        assertEquals(HubServer.COMMIT, Files.readString(repo().resolve("refs/main")));
        assertArrayEquals(weights, Files.readAllBytes(Path.of(snapshot.directory(), MODEL)));
        assertEquals(3, snapshot.files());
        assertEquals(snapshot.bytes(), snapshot.fetchedBytes());
        assertEquals(HubServer.COMMIT, snapshot.commit());
    }

    @Test
    void whatIsThereIsNotFetchedAgain() throws IOException {
        model(random(1000));
        fetch();
        server.forget();
        Snapshot again = fetch();
        assertEquals(List.of(), server.fetched());
        assertEquals(0, again.fetchedBytes());
        Files.delete(Path.of(again.directory(), MODEL)); // the link
        fetch();
        assertEquals(List.of(), server.fetched());
        Files.writeString(repo().resolve("blobs").resolve(server.digest(MODEL)), "cut");
        fetch();
        assertEquals(List.of(MODEL), server.fetched());
    }

    @Test
    void onlyWhatIsNeededIsFetched() {
        model(random(10))
                .with("chat_template.jinja", utf8("{{ a }}"))
                .with("LICENSE", utf8("MIT"))
                .with("README.md", utf8("A model"))
                .with(".gitattributes", utf8("*"))
                .with("modeling.py", utf8("import os"))
                .withLarge("tokenizer.model", random(20))
                .withLarge("pytorch_model.bin", random(30))
                .with("pytorch_model.bin.index.json", utf8("{}"))
                .withLarge("consolidated.safetensors", random(40))
                .withLarge("model.fp16.safetensors", random(41))
                .withLarge("model-q4.gguf", random(50))
                .withLarge("original/consolidated.00.pth", random(60))
                .with("original/params.json", utf8("{}"))
                .withLarge("onnx/model.onnx", random(70));
        fetch();
        assertEquals(
                List.of(
                        "LICENSE",
                        "README.md",
                        "chat_template.jinja",
                        "config.json",
                        MODEL,
                        "tokenizer.json",
                        "tokenizer.model"),
                server.fetched());
    }

    @ParameterizedTest
    @CsvSource({
        "Q8_0, a-Q8_0.gguf",
        "q4_k_m, a-Q4_K_M.gguf",
        "a-Q4_K_M.GGUF, a-Q4_K_M.gguf",
        "a, a.gguf",
        "IQ4_K_M, a.IQ4_K_M.gguf"
    })
    void ofAGgufFileNothingElseIsFetched(String part, String file) throws IOException {
        ggufs();
        Snapshot snapshot = fetchGguf(settings(), part);
        assertEquals(List.of(file), server.fetched());
        assertEquals(file, snapshot.gguf(part).getFileName().toString());
        assertArrayEquals(random(file.length()), Files.readAllBytes(snapshot.gguf(part)));
        server.forget();
        var offline =
                new HubSettings(
                        URI.create(server.endpoint()), cache(), Optional.empty(), true, true);
        assertEquals(snapshot.gguf(part), fetchGguf(offline, part).gguf(part));
        assertEquals(List.of(), server.requests());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Q5_K|no GGUF file in it is called 'Q5_K': there are a-Q4_K_M.gguf, a-Q8_0.gguf, a.IQ4_K_M.gguf, a.gguf",
                "M|more than one GGUF file in it is called 'M': there are a-Q4_K_M.gguf, a.IQ4_K_M.gguf"
            })
    void whichGgufFileIsMeantHasToBeClear(String part, String expected) {
        ggufs();
        var refused = assertThrows(InvalidInputException.class, () -> fetchGguf(settings(), part));
        assertEquals("org/name: " + expected, refused.getMessage());
        assertEquals(List.of(), server.fetched());
    }

    @Test
    void aGgufFileThatIsNotInTheCacheIsNotSaidToBeMissingInTheRepository() {
        ggufs();
        Snapshot snapshot = fetchGguf(settings(), "Q8_0");
        var refused = assertThrows(InvalidInputException.class, () -> snapshot.gguf("Q4_K_M"));
        assertEquals(
                "what the cache has of org/name: no GGUF file in it is called 'Q4_K_M': there are a-Q8_0.gguf",
                refused.getMessage());
    }

    @Test
    void aRefThatCannotBeEnteredLeavesNothing() throws IOException {
        model(random(10));
        Files.createDirectories(repo().resolve("refs/main/taken"));
        assertThrows(InvalidInputException.class, this::fetch);
        try (Stream<Path> left = Files.list(repo().resolve("refs"))) {
            assertEquals(List.of("main"), left.map(it -> it.getFileName().toString()).toList());
        }
    }

    private void ggufs() {
        for (String file : List.of("a-Q8_0.gguf", "a-Q4_K_M.gguf", "a.IQ4_K_M.gguf", "a.gguf")) {
            server.withLarge(file, random(file.length()));
        }
        server.with("config.json", utf8("{}"));
    }

    private Snapshot fetchGguf(HubSettings settings, String part) {
        return new Hub(settings, IMPATIENT).fetchGguf(ID, part, progress);
    }

    @Test
    void ofSeveralShardsThoseAreFetchedThatTheIndexNames() {
        server.with("config.json", utf8("{}"))
                .with(
                        WantedFiles.INDEX,
                        utf8(
                                """
                                {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
                                 "c": "model-00001-of-00002.safetensors"}}\
                                """))
                .withLarge("model-00001-of-00002.safetensors", random(100))
                .withLarge("model-00002-of-00002.safetensors", random(200))
                .withLarge("model-00001-of-00003.safetensors", random(300));
        fetch();
        assertEquals(
                List.of(
                        "config.json",
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors",
                        WantedFiles.INDEX),
                server.fetched());
    }

    @Test
    void aRevisionHasARefOfItsName() throws IOException {
        model(random(10));
        HubId id = HubId.parse("org/name@refs/pr/1").orElseThrow();
        Snapshot snapshot = fetch(settings(), id);
        assertEquals(HubServer.COMMIT, Files.readString(repo().resolve("refs/refs/pr/1")));
        assertTrue(Files.exists(Path.of(snapshot.directory(), MODEL)));
        HubId commit = HubId.parse("org/name@" + HubServer.COMMIT).orElseThrow();
        assertEquals(snapshot.directory(), fetch(settings(), commit).directory());
        assertFalse(Files.exists(repo().resolve("refs").resolve(HubServer.COMMIT)));
    }

    @Test
    void filesOfTheSameContentShareABlob() {
        model(random(10)).with("a.json", utf8("{}\n"));
        fetch();
        assertEquals(
                "-> ../../blobs/" + server.digest("config.json"),
                listing(cache()).get(SNAPSHOT + "a.json"));
    }

    @Test
    void anEmptyFileIsAFile() throws IOException {
        model(random(10)).with("empty.txt", new byte[0]);
        Snapshot snapshot = fetch();
        assertEquals(0, Files.size(Path.of(snapshot.directory(), "empty.txt")));
    }

    @Test
    void withoutLinksASnapshotHasTheFilesThemselves() {
        model(random(1000)).with("a.json", utf8("{}\n"));
        var settings =
                new HubSettings(
                        URI.create(server.endpoint()), cache(), Optional.empty(), false, false);
        fetch(settings);
        Map<String, String> files = listing(cache());
        assertEquals("1000", files.get(SNAPSHOT + MODEL));
        assertEquals("3", files.get(SNAPSHOT + "config.json"));
        assertEquals("3", files.get(SNAPSHOT + "a.json"));
        server.forget();
        fetch(settings);
        assertEquals(List.of(), server.fetched());
    }

    @Test
    void offlineTheCacheIsAllThereIs() {
        model(random(10));
        var offline =
                new HubSettings(
                        URI.create(server.endpoint()), cache(), Optional.empty(), true, true);
        InvalidInputException missing =
                assertThrows(InvalidInputException.class, () -> fetch(offline));
        assertTrue(missing.getMessage().contains("HF_HUB_OFFLINE"), missing.getMessage());
        Snapshot online = fetch();
        server.forget();
        Snapshot cached = fetch(offline);
        assertEquals(online.directory(), cached.directory());
        assertEquals(List.of(), server.requests());
        assertThrows(
                InvalidInputException.class,
                () -> fetch(offline, HubId.parse("org/name@other").orElseThrow()));
    }

    @Test
    void whereTheHubIsNotThereWhatWasFetchedBeforeStandsIn() {
        model(random(10));
        Snapshot online = fetch();
        server.close();
        Snapshot cached = fetch();
        assertEquals(online.directory(), cached.directory());
        String last = notes.getLast();
        assertTrue(
                last.startsWith("org/name: ")
                        && last.contains("cannot be reached")
                        && last.contains(HubServer.COMMIT),
                last);
    }

    @Test
    void severalAtOnceFetchEachFileOnce() throws Exception {
        model(random(3_000_000));
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Callable<Snapshot>> calls = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                calls.add(this::fetch);
            }
            for (Future<Snapshot> each : threads.invokeAll(calls)) {
                assertEquals(3_000_000, Files.size(Path.of(each.get().directory(), MODEL)));
            }
        }
        assertEquals(List.of("config.json", MODEL, "tokenizer.json"), server.fetched());
    }

    @Test
    void aListingMayHavePages() throws IOException {
        model(random(10));
        pages(EMPTY_FILE.formatted("LICENSE"));
        server.answering(
                "/LICENSE",
                exchange -> {
                    HubServer.content(exchange, new byte[0]);
                    return true;
                });
        Snapshot snapshot = fetch();
        assertTrue(Files.exists(Path.of(snapshot.directory(), "LICENSE")));
    }

    @Test
    void aFileThatIsListedTwiceIsRefused() {
        model(random(10));
        pages(EMPTY_FILE.formatted("config.json"));
        InvalidInputException twice = assertThrows(InvalidInputException.class, this::fetch);
        assertTrue(twice.getMessage().contains("lists config.json twice"), twice.getMessage());
    }

    @Test
    void aListingWithoutEndIsRefused() {
        server.answering(
                "/tree/" + HubServer.COMMIT,
                exchange -> {
                    exchange.getResponseHeaders()
                            .set("Link", "<%s>; rel=\"next\"".formatted(exchange.getRequestURI()));
                    HubServer.content(exchange, utf8("[]"));
                    return true;
                });
        InvalidInputException refused = assertThrows(InvalidInputException.class, this::fetch);
        assertTrue(refused.getMessage().contains("more files than"), refused.getMessage());
    }

    /// Has the listing go on with a second page.
    private void pages(String second) {
        server.answering(
                "/tree/" + HubServer.COMMIT,
                exchange -> {
                    if ("page=2".equals(exchange.getRequestURI().getQuery())) {
                        HubServer.content(exchange, utf8("[" + second + "]"));
                        return true;
                    }
                    exchange.getResponseHeaders()
                            .set(
                                    "Link",
                                    "<%s?page=2>; rel=\"next\""
                                            .formatted(exchange.getRequestURI()));
                    return false;
                });
    }

    @Test
    void theConfigurationMayBeFetchedAlone() {
        model(random(10));
        Snapshot snapshot = new Hub(settings(), IMPATIENT).fetchConfiguration(ID, progress);
        assertEquals(List.of("config.json"), server.fetched());
        assertEquals(1, snapshot.files());
        assertFalse(Files.exists(repo().resolve("refs"))); // It is no snapshot of a model yet.
        assertEquals(3, fetch().files());
    }
}
