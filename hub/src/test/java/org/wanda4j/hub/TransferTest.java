package org.wanda4j.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.HubServer;
import org.wanda4j.checkpoint.InvalidInputException;

/// What becomes of a download when a server, or the connection to it, does something else than expected.
class TransferTest extends HubTest {

    private final byte[] weights = random(200_000);
    private String digest;

    @BeforeEach
    void serve() {
        digest = model(weights).digest(MODEL);
    }

    /// The first bytes that were asked of the weights, request by request.
    private List<Integer> asked() {
        return server.requests().stream()
                .filter(HubServer.Request::store)
                .map(it -> it.header("range").orElse("bytes=0-"))
                .map(it -> Integer.parseInt(it.replaceAll("bytes=(\\d+)-", "$1")))
                .toList();
    }

    private void assertWhole(Snapshot snapshot) throws IOException {
        assertArrayEquals(weights, Files.readAllBytes(Path.of(snapshot.directory(), MODEL)));
        assertFalse(Files.exists(incomplete()));
    }

    private Path incomplete() {
        return repo().resolve("blobs").resolve(digest + ".incomplete");
    }

    private String refused() {
        String message = assertThrows(InvalidInputException.class, this::fetch).getMessage();
        assertFalse(Files.exists(repo().resolve("refs/main")));
        return message;
    }

    @Test
    void aDownloadThatIsCutGoesOnWhereItWasCut() throws IOException {
        var cuts = new AtomicInteger(5); // more than one attempt has failures
        server.answering(
                digest,
                exchange -> {
                    if (cuts.getAndDecrement() <= 0) {
                        return false;
                    }
                    HubServer.cut(exchange, weights, 30_000);
                    return true;
                });
        Snapshot snapshot = fetch();
        assertWhole(snapshot);
        assertEquals(6, asked().size());
        for (int i = 1; i < 6; i++) {
            assertTrue(asked().get(i) > asked().get(i - 1), () -> asked().toString());
        }
    }

    @Test
    void whatHasComeIsKeptForTheNextRun() throws IOException {
        server.answering(
                digest,
                exchange -> {
                    HubServer.cut(exchange, weights, HubServer.from(exchange) == 0 ? 50_000 : 0);
                    return true;
                });
        assertTrue(refused().contains("goes on from there"));
        long kept = Files.size(incomplete());
        assertTrue(kept > 0);
        server.answering(digest, _ -> false);
        server.forget();
        Snapshot snapshot = fetch();
        assertWhole(snapshot);
        assertEquals(List.of((int) kept), asked());
        assertEquals(weights.length - kept, snapshot.fetchedBytes());
    }

    @Test
    void whatIsWrongInABegunFileIsFetchedAgain() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), new byte[1000]);
        assertWhole(fetch());
        assertEquals(List.of(1000, 0), asked());
    }

    @Test
    void aBegunFileThatIsTooLongIsFetchedAgain() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), new byte[weights.length + 1]);
        assertWhole(fetch());
        assertEquals(List.of(0), asked());
    }

    @Test
    void aBegunFileThatIsWholeIsVerifiedAlone() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), weights);
        assertWhole(fetch());
        assertEquals(List.of(), asked());
    }

    @Test
    void aServerMayIgnoreWhatPartIsAskedFor() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), Arrays.copyOf(weights, 1000));
        server.answering(
                digest,
                exchange -> {
                    send(exchange, 200, weights);
                    return true;
                });
        assertWhole(fetch());
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytes 0-199999/200000", "bytes 1001-199999/200000", "nothing", ""})
    void anotherPartThanWasAskedForIsNotTaken(String range) throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), Arrays.copyOf(weights, 1000));
        server.answering(
                digest,
                exchange -> {
                    if (HubServer.from(exchange) == 0) {
                        return false;
                    }
                    exchange.getResponseHeaders().set("Content-Range", range);
                    send(exchange, 206, Arrays.copyOfRange(weights, 1000, weights.length));
                    return true;
                });
        assertWhole(fetch());
        assertEquals(List.of(1000, 0), asked());
    }

    @Test
    void aPartThatIsNotThereBeginsAgain() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), Arrays.copyOf(weights, 1000));
        server.answering(
                digest,
                exchange -> {
                    if (HubServer.from(exchange) == 0) {
                        return false;
                    }
                    exchange.sendResponseHeaders(416, -1);
                    return true;
                });
        assertWhole(fetch());
    }

    @Test
    void aServerThatHasNoPartAtAllIsGivenUp() throws IOException {
        Files.createDirectories(incomplete().getParent());
        Files.write(incomplete(), Arrays.copyOf(weights, 1000));
        server.answering(
                digest,
                exchange -> {
                    exchange.sendResponseHeaders(416, -1);
                    return true;
                });
        assertTrue(refused().contains("answers 416"));
        assertEquals(List.of(1000, 0), asked());
    }

    private static boolean redirect(HttpExchange exchange, int status, String location)
            throws IOException {
        exchange.getResponseHeaders().set("Location", location);
        exchange.sendResponseHeaders(status, -1);
        return true;
    }

    private static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    @ParameterizedTest
    @ValueSource(strings = {MODEL, "config.json"})
    void wrongBytesAreNotKept(String file) throws IOException {
        byte[] wrong = file.equals(MODEL) ? weights.clone() : utf8("{}\n");
        wrong[1] ^= 1;
        String path = file.equals(MODEL) ? digest : file;
        server.answering(
                path,
                exchange -> {
                    HubServer.content(exchange, wrong);
                    return true;
                });
        String message = refused();
        assertTrue(message.contains(file + " is not what the hub lists"), message);
        String blob = server.digest(file);
        assertTrue(
                listing(repo()).keySet().stream().noneMatch(it -> it.contains(blob)),
                () -> listing(repo()).toString());
    }

    @ParameterizedTest
    @CsvSource({"100, 200000", "300000, 200000"})
    void aSizeThatIsNotTheListedOneIsRefused(int sent, int listed) {
        server.answering(
                digest,
                exchange -> {
                    send(exchange, 200, random(sent));
                    return true;
                });
        String message = refused();
        assertTrue(
                message.contains("lists %,d bytes and %,d are sent".formatted(listed, sent)),
                message);
    }

    @Test
    void aBodyWithoutEndIsCutOff() {
        server.answering(
                digest,
                exchange -> {
                    exchange.sendResponseHeaders(200, 0); // in chunks
                    byte[] chunk = new byte[1 << 16];
                    while (true) {
                        exchange.getResponseBody().write(chunk);
                    }
                });
        String message = refused();
        assertTrue(message.contains("more bytes come than the 200,000"), message);
    }

    @Test
    void aBodyThatEndsEarlyIsAskedForAgain() {
        server.answering(
                digest,
                exchange -> {
                    exchange.sendResponseHeaders(200, 0);
                    exchange.getResponseBody().write(weights, 0, 1000);
                    return true;
                });
        String message = refused();
        assertTrue(message.contains("it ends after"), message);
    }

    @Test
    void aConnectionFromWhichNothingComesIsGivenUp() throws Exception {
        var quiet = new CountDownLatch(1);
        var first = new AtomicInteger();
        server.answering(
                digest,
                exchange -> {
                    if (first.getAndIncrement() > 0) {
                        return false;
                    }
                    exchange.sendResponseHeaders(200, weights.length);
                    exchange.getResponseBody().write(weights, 0, 100_000);
                    exchange.getResponseBody().flush();
                    try {
                        quiet.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    return true;
                });
        assertWhole(fetch());
        quiet.countDown();
        assertEquals(2, asked().size());
        assertTrue(asked().get(1) > 0, () -> asked().toString());
    }

    @Test
    void whereTheServerAsksToWaitItIsWaitedFor() throws IOException {
        var refusals = new AtomicInteger(2);
        server.answering(
                MODEL,
                exchange -> {
                    if (refusals.getAndDecrement() <= 0) {
                        return false;
                    }
                    exchange.getResponseHeaders().set("Retry-After", "1");
                    exchange.sendResponseHeaders(429, -1);
                    return true;
                });
        long begin = System.nanoTime();
        assertWhole(fetch());
        assertTrue(System.nanoTime() - begin >= 2_000_000_000L);
        assertEquals(2, notes.stream().filter(it -> it.contains("asks to wait 1 s")).count());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/revision/main", "/tree/" + HubServer.COMMIT, MODEL})
    void aFaultOfTheServerMayPass(String path) throws IOException {
        var faults = new AtomicInteger(2);
        server.answering(
                path,
                exchange -> {
                    if (faults.getAndDecrement() <= 0) {
                        return false;
                    }
                    exchange.sendResponseHeaders(503, -1);
                    return true;
                });
        assertWhole(fetch());
    }

    @Test
    void theTokenIsForTheHubAlone() {
        HubSettings settings =
                new HubSettings(
                        URI.create(server.endpoint()),
                        cache(),
                        Optional.of(new HubSettings.Token("hf_secret", "HF_TOKEN")),
                        false,
                        true);
        fetch(settings);
        for (HubServer.Request request : server.requests()) {
            assertEquals(
                    request.store() ? Optional.empty() : Optional.of("Bearer hf_secret"),
                    request.header("authorization"),
                    request::toString);
        }
        assertTrue(server.requests().stream().anyMatch(HubServer.Request::store));
    }

    @Test
    void aRepositoryThatWasRenamedIsFollowed() throws IOException {
        server.answering(
                "/api/models/org/name/revision/main",
                exchange -> redirect(exchange, 307, "/api/models/new/revision/main"));
        server.answering(
                "/api/models/new/revision/main",
                exchange -> {
                    send(exchange, 200, utf8("{\"sha\": \"%s\"}".formatted(HubServer.COMMIT)));
                    return true;
                });
        assertWhole(fetch());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "file:///etc/passwd",
                "",
                "ftp://127.0.0.1/x",
                "http:///x",
                "::",
                "http://127.0.0.1:65536/x"
            })
    void aRedirectToNoAddressIsRefused(String location) {
        server.answering(MODEL, exchange -> redirect(exchange, 302, location));
        assertTrue(refused().contains("redirect"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftp://127.0.0.1/x", "http:///x", "http://127.0.0.1:65536/x", "a b"})
    void aListingGoesOnAtAnAddressAlone(String next) {
        URI page = URI.create(server.endpoint());
        assertEquals(
                Optional.empty(), RepoListing.next(page, "<%s>; rel=\"next\"".formatted(next)));
        assertEquals(Optional.of(page.resolve("/2")), RepoListing.next(page, "</2>; rel=\"next\""));
    }

    @Test
    void redirectsInACircleEnd() {
        server.answering(
                MODEL, exchange -> redirect(exchange, 302, exchange.getRequestURI().toString()));
        assertTrue(refused().contains("redirects"));
    }

    @Test
    void anAnswerWithoutEndIsCutOff() {
        server.answering(
                "/revision/main",
                exchange -> {
                    exchange.sendResponseHeaders(200, 0);
                    byte[] chunk = new byte[1 << 20];
                    while (true) {
                        exchange.getResponseBody().write(chunk);
                    }
                });
        refused();
    }
}
