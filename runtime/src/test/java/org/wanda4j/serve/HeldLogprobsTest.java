package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.ScoredToken;
import org.wanda4j.text.ChatTemplate;
import tools.jackson.databind.JsonNode;

/// What an answer that is sent whole holds until its end, where it has log probabilities.
@Timeout(600)
class HeldLogprobsTest {

    private static final String COMPLETIONS = "/v1/completions";
    private static final String CHAT = "/v1/chat/completions";
    private static final List<Supplier<ResponseWriter>> WRITERS =
            List.of(
                    () -> new TextResponseWriter("tiny", 1, 1),
                    () -> new ChatResponseWriter("tiny", 1, Optional.empty()));

    @TempDir private Path directory;

    @Test
    void heldPieceByPieceTheyAreTheJsonOfAllTokens() throws IOException {
        var random = new Random(1);
        List<ScoredToken> tokens = tokens(300);
        for (Supplier<ResponseWriter> writers : WRITERS) {
            var bytes = new ByteArrayOutputStream();
            ResponseWriter writer = writers.get();
            try (var held = new HeldLogprobs(new HeldBytes(1L << 30))) {
                held.append(writer.logprobs(0, List.of()));
                for (int from = 0; from < tokens.size(); ) {
                    int to = Math.min(tokens.size(), from + random.nextInt(5));
                    held.append(writer.logprobs(0, tokens.subList(from, to)));
                    from = to;
                }
                Json.writeLine(Map.of("logprobs", Optional.of(held)), bytes);
            }
            assertEquals(
                    Json.writeLine(Map.of("logprobs", writers.get().logprobs(0, tokens))),
                    bytes.toString(StandardCharsets.UTF_8));
        }
    }

    @Test
    void ofATokenNothingIsHeldButItsJson() {
        var heap = new HeldBytes(1L << 30);
        for (Supplier<ResponseWriter> writers : WRITERS) {
            ResponseWriter writer = writers.get();
            try (var held = new HeldLogprobs(heap)) {
                List<WeakReference<ScoredToken>> tokens =
                        IntStream.range(0, 1000).mapToObj(_ -> append(held, writer)).toList();
                while (tokens.stream().anyMatch(token -> !token.refersTo(null))) {
                    System.gc();
                }
                assertTrue(heap.taken() < 1000 * 2500, heap.taken() + " bytes of 1,000 tokens");
            }
            assertEquals(0, heap.taken());
        }
    }

    private static WeakReference<ScoredToken> append(HeldLogprobs held, ResponseWriter writer) {
        List<ScoredToken> tokens = tokens(1);
        held.append(writer.logprobs(0, tokens));
        return new WeakReference<>(tokens.getFirst());
    }

    @Test
    void noMoreBytesAreTakenThanThereAre() {
        var heap = new HeldBytes(5000);
        ResponseWriter writer = WRITERS.getFirst().get();
        List<ScoredToken> many = tokens(10);
        try (var first = new HeldLogprobs(heap)) {
            first.append(writer.logprobs(0, tokens(2)));
            long before = heap.taken();
            try (var second = new HeldLogprobs(heap)) {
                var refused =
                        assertThrows(
                                ApiException.class, () -> second.append(writer.logprobs(0, many)));
                assertEquals(503, refused.status());
                assertTrue(refused.getMessage().contains("5,000 bytes"), refused.getMessage());
            }
            assertEquals(before, heap.taken());
        }
        assertEquals(0, heap.taken());
    }

    @ParameterizedTest
    @ValueSource(strings = {COMPLETIONS, CHAT})
    void aLongAnswerHasTheLogProbabilitiesOfItsStream(String path) throws Exception {
        RunningServer.copyModel(directory);
        try (RunningServer running = RunningServer.start(directory, 1, 1, Optional.empty())) {
            HttpResponse<String> whole = running.post(path, body(path, 300, false));
            HttpResponse<String> stream = running.post(path, body(path, 300, true));
            JsonNode choice = json(whole.body()).path("choices").get(0);
            JsonNode logprobs = choice.path("logprobs");
            List<JsonNode> chunks =
                    stream.body()
                            .lines()
                            .filter(line -> line.startsWith("data: {"))
                            .map(line -> json(line.substring(6)).path("choices").get(0))
                            .map(each -> each.path("logprobs"))
                            .filter(JsonNode::isObject)
                            .toList();
            assertTrue(logprobs.properties().size() > 0, whole.body());
            for (Map.Entry<String, JsonNode> list : logprobs.properties()) {
                List<JsonNode> joined =
                        chunks.stream()
                                .flatMap(each -> each.path(list.getKey()).valueStream())
                                .toList();
                assertEquals(300, joined.size());
                assertEquals(
                        withoutFractions(joined),
                        withoutFractions(list.getValue().valueStream().toList()));
            }
            assertTrue(running.get("/metrics").body().contains("\nwanda_logprobs_bytes 0.0\n"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {COMPLETIONS, CHAT})
    void anAnswerForWhichThereIsNoHeapIsRefusedUnlessItIsStreamed(String path) throws Exception {
        RunningServer.copyModel(directory);
        var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        HttpServer http = HttpServer.create(address, 0);
        try (LanguageModel model = LanguageModel.open(directory);
                var timeout = new WriteTimeout(Duration.ofSeconds(30))) {
            var settings = new Server.Settings(address, Optional.empty(), "tiny", 400, 1000);
            var heap = new HeldBytes(10_000);
            var metrics = new Metrics(model, heap);
            var completions = new CompletionHandler(model, metrics, heap);
            var reader =
                    new CompletionRequestReader(model, ChatTemplate.of(directory), "tiny", 400);
            http.createContext(
                    "/", new Api(settings, model.context(), timeout, reader, metrics, completions));
            http.start();
            int port = http.getAddress().getPort();
            HttpResponse<String> refused = post(port, path, body(path, 100, false));
            assertTrue(refused.body().contains("take 10,000 bytes"), refused.body());
            assertEquals(0, heap.taken());
            HttpResponse<String> few = post(port, path, body(path, 2, false));
            assertEquals(1, json(few.body()).path("choices").size(), few.body());
            HttpResponse<String> stream = post(port, path, body(path, 100, true));
            assertTrue(stream.body().endsWith("data: [DONE]\n\n"), stream.body());
        } finally {
            http.stop(0);
        }
    }

    /// Texts, offsets and the number of alternatives. Log probabilities may differ in the last bits.
    private static List<String> withoutFractions(List<JsonNode> elements) {
        return elements.stream()
                .map(each -> each.has("token") ? each.path("token") : each)
                .map(each -> each.isString() || each.isInt() ? each.toString() : "" + each.size())
                .toList();
    }

    private static HttpResponse<String> post(int port, String path, String body) throws Exception {
        return RunningServer.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body)));
    }

    private static String body(String path, int tokens, boolean stream) {
        return "{%s,\"max_tokens\":%d,\"temperature\":0,\"stream\":%b}"
                .formatted(
                        path.equals(CHAT)
                                ? "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"logprobs\":true,\"top_logprobs\":20"
                                : "\"prompt\":\"The\",\"logprobs\":20",
                        tokens,
                        stream);
    }

    private static JsonNode json(String text) {
        return Json.parse(text.getBytes(StandardCharsets.UTF_8), "the answer");
    }

    /// Tokens with 20 alternatives, some of several bytes in UTF-8 or of two UTF-16 characters.
    private static List<ScoredToken> tokens(int count) {
        return IntStream.range(0, count)
                .mapToObj(i ->
                        token(
                                i,
                                IntStream.range(0, 20).mapToObj(j -> token(j, List.of())).toList()))
                .toList();
    }

    private static ScoredToken token(int id, List<ScoredToken> alternatives) {
        String text = List.of(" word", "\"é\"", "\uD83D\uDE00", "").get(id % 4);
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return new ScoredToken(id, text, bytes, -Math.PI / (id + 1), alternatives);
    }
}
