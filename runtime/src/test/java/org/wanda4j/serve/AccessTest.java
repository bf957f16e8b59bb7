package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.LanguageModel;
import tools.jackson.databind.JsonNode;

/// Addresses, origins, the log, and what is told of tokens.
class AccessTest {

    private static final String ORIGIN = "http://localhost:3000";
    private static final String ALLOWED = "Access-Control-Allow-Origin";

    @TempDir private static Path directory;
    private static final List<String> LOG = new CopyOnWriteArrayList<>();
    private static RunningServer running;

    @BeforeAll
    static void start() throws IOException {
        RunningServer.copyModel(directory);
        running =
                RunningServer.start(
                        directory,
                        new LanguageModel.Settings(1, 2, 4),
                        settings(Set.of(ORIGIN), Optional.of("k")));
    }

    private static Server.Settings settings(Set<String> origins, Optional<String> key) {
        return new Server.Settings(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                key,
                RunningServer.MODEL,
                RunningServer.LONGEST_ANSWER,
                RunningServer.LARGEST_BODY,
                origins,
                Optional.of(LOG::add));
    }

    @AfterAll
    static void stop() {
        running.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/models", "/models", "/v1/models/", "/models//", "/v1/models/tiny"})
    void clientsMayTakeEitherBaseAddress(String path) throws Exception {
        HttpResponse<String> answer =
                RunningServer.send(running.request(path).header("Authorization", "Bearer k"));
        assertEquals(200, answer.statusCode(), answer.body());
        JsonNode json = json(answer);
        JsonNode entry = json.has("data") ? json.path("data").get(0) : json;
        assertEquals(running.model().context(), entry.path("max_model_len").asInt());
        assertEquals(running.model().context(), entry.path("context_length").asInt());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/v1/completions", "/completions", "/v1/completions/", "/completions/"})
    void completionsTooAndTheyAreLogged(String path) throws Exception {
        LOG.clear();
        HttpResponse<String> answer = post(path, "{\"prompt\":\"secret\",\"max_tokens\":2}");
        assertEquals(200, answer.statusCode(), answer.body());
        while (LOG.isEmpty()) {
            Thread.onSpinWait(); // the line follows the answer
        }
        String line = LOG.getFirst();
        assertTrue(line.contains(" POST " + path + " 200 "), line);
        int tokens = json(answer).path("usage").path("completion_tokens").asInt();
        assertTrue(line.contains(" " + tokens + " answer tokens"), line);
        assertTrue(!line.contains("secret"), line);
    }

    @Test
    void nothingElseIsThere() throws Exception {
        for (String path : List.of("/v1", "/v2/models", "/v1/responses", "/v1/embeddings")) {
            HttpResponse<String> answer = post(path, "{}");
            assertEquals(404, answer.statusCode(), path);
            assertTrue(answer.body().contains(path), answer.body());
        }
    }

    @Test
    void aPageOfAnAllowedOriginIsLetIn() throws Exception {
        HttpResponse<String> preflight = preflight(running, ORIGIN);
        assertEquals(204, preflight.statusCode());
        assertEquals(Optional.of(ORIGIN), preflight.headers().firstValue(ALLOWED));
        assertEquals(
                Optional.of("authorization, x-stainless-os"),
                preflight.headers().firstValue("Access-Control-Allow-Headers"));
        HttpResponse<String> answer =
                RunningServer.send(
                        running.request("/v1/models")
                                .header("Authorization", "Bearer k")
                                .header("Origin", ORIGIN));
        assertEquals(Optional.of(ORIGIN), answer.headers().firstValue(ALLOWED));
        assertEquals(Optional.of("Origin"), answer.headers().firstValue("Vary"));
        HttpResponse<String> keyless =
                RunningServer.send(running.request("/v1/models").header("Origin", ORIGIN));
        assertEquals(401, keyless.statusCode());
        assertEquals(Optional.of(ORIGIN), keyless.headers().firstValue(ALLOWED));
    }

    @Test
    void noOtherOriginIs() throws Exception {
        for (String origin : List.of("http://evil.example", "http://localhost:3001", "null")) {
            assertEquals(
                    Optional.empty(), preflight(running, origin).headers().firstValue(ALLOWED));
        }
        try (RunningServer closed =
                RunningServer.start(
                        directory,
                        new LanguageModel.Settings(1, 1, 1),
                        settings(Set.of(), Optional.empty()))) {
            assertEquals(Optional.empty(), preflight(closed, ORIGIN).headers().firstValue(ALLOWED));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost:3000", "http://localhost:3000/", "", "http://a b"})
    void anOriginIsNoAddress(String origin) {
        var error =
                assertThrows(
                        InvalidInputException.class,
                        () -> settings(Set.of(origin), Optional.empty()));
        assertTrue(error.getMessage().contains("http://localhost:3000"), error.getMessage());
    }

    @Test
    void tokensAreTold() throws Exception {
        int[] tokens = running.model().tokens("The king");
        JsonNode told = json(post("/tokenize", "{\"prompt\":\"The king\"}"));
        assertEquals(Arrays.toString(tokens), ids(told));
        assertEquals(tokens.length, told.path("count").asInt());
        assertEquals(running.model().context(), told.path("max_model_len").asInt());
        assertEquals(
                Arrays.toString(running.model().tokensAsWritten("The king")),
                ids(json(post("/v1/tokenize", "{\"content\":\"The king\"}"))));
        assertEquals(
                Arrays.toString(running.model().tokensAsWritten("user: Hi\nassistant:")),
                ids(
                        json(
                                post(
                                        "/tokenize",
                                        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"))));
        JsonNode text =
                json(post("/detokenize", "{\"tokens\":%s}".formatted(Arrays.toString(tokens))));
        assertTrue(text.path("prompt").asString().endsWith("The king"), text.toString());
        assertEquals(text.path("prompt"), text.path("content"));
        assertEquals(400, post("/detokenize", "{\"tokens\":[-1]}").statusCode());
        assertEquals(400, post("/tokenize", "{}").statusCode());
    }

    private static String ids(JsonNode told) {
        return Arrays.toString(
                told.path("tokens").valueStream().mapToInt(JsonNode::asInt).toArray());
    }

    private static HttpResponse<String> preflight(RunningServer server, String origin)
            throws Exception {
        return RunningServer.send(
                server.request("/v1/chat/completions")
                        .method("OPTIONS", BodyPublishers.noBody())
                        .header("Origin", origin)
                        .header("Access-Control-Request-Method", "POST")
                        .header("Access-Control-Request-Headers", "authorization, x-stainless-os"));
    }

    private static HttpResponse<String> post(String path, String body) throws Exception {
        return RunningServer.send(running.json(path, body).header("Authorization", "Bearer k"));
    }

    private static JsonNode json(HttpResponse<String> answer) {
        return Json.parse(answer.body().getBytes(StandardCharsets.UTF_8), "the answer");
    }
}
