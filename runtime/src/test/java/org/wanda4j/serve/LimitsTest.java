package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.runtime.HeldGeneration;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;

/// What a server does with callers who ask too much, leave early, or are not what they seem.
@Timeout(600)
class LimitsTest {

    private static final OptionalInt NONE = OptionalInt.empty();

    /// Bodies of a completion, what they are answered with, and a part of that.
    private static final String BODIES =
            """
            {'prompt':'a','n':129} -> 400 -> n must be a whole number from 1 to 128
            {'prompt':['a',7]} -> 400 -> prompt must be a text
            {'prompt':[999999]} -> 400 -> no token
            {'prompt':''} -> 400 -> the prompt is empty
            {} -> 400 -> prompt is missing
            {'prompt':'a','max_tokens':401} -> 400 -> max_tokens must be a whole number from 0 to 400, or -1
            {'prompt':'a','temperature':'hot'} -> 400 -> temperature must be a number
            {'prompt':'a','temperature':-1} -> 400 -> temperature must be a number
            {'prompt':'a','top_p':0} -> 400 -> top_p must be a number above 0
            {'prompt':'a','seed':1.5} -> 400 -> seed must be
            {'prompt':'a','stop':[1]} -> 400 -> stop must be
            {'prompt':'a','stop':''} -> 400 -> stop must be
            {'prompt':'a','stop':['b','']} -> 400 -> "param":"stop"
            {'prompt':'a','repetition_penalty':0} -> 400 -> "param":"repetition_penalty"
            {'prompt':'a','top_k':-1,'max_tokens':1} -> 200 -> text_completion
            {'prompt':'a','top_k':-2} -> 400 -> "param":"top_k"
            {'prompt':'a','max_tokens':-2} -> 400 -> "param":"max_tokens"
            {'prompt':'a','min_tokens':5} -> 400 -> "param":"min_tokens"
            {'prompt':'a','echo':1} -> 400 -> "param":"echo"
            {'prompt':'a','echo':false,'ignore_eos':false,'max_tokens':1} -> 200 -> text_completion
            {'prompt':'a','stream_options':{'include_usage':1}} -> 400 -> "param":"stream_options.include_usage"
            {'prompt':'a','response_format':{'type':'xml'}} -> 400 -> "param":"response_format.type"
            {'prompt':'a','response_format':{'type':'text'},'max_tokens':1} -> 200 -> text_completion
            {'prompt':'a','nobody_knows_this':7,'max_tokens':1} -> 200 -> text_completion
            {'prompt':'a','logprobs':99} -> 400 -> logprobs must be
            {'prompt':'a','logit_bias':{'5':'x'}} -> 400 -> "param":"logit_bias.5"
            {'prompt':'a','stream':'yes'} -> 400 -> stream must be true or false
            {'prompt':'a','stream_options':{},'max_tokens':1} -> 200 -> text_completion
            {'prompt':['a'],'user':'me','max_tokens':1,'stop':null} -> 200 -> text_completion
            {'prompt':'a'} x -> 400 -> not valid JSON
            [1] -> 400 -> not a JSON object
            {'prompt':'a','prompt':'b'} -> 400 -> not valid JSON
            """;

    @TempDir private Path directory;

    @Test
    void whoLeavesEndsTheAnswerThatIsSentInParts() throws Exception {
        try (RunningServer running = start(2, 4, Optional.empty());
                HeldGeneration held = HeldGeneration.of(running.model())) {
            try (Socket caller =
                    call(running, "{\"prompt\":\"The king\",\"max_tokens\":400,\"stream\":true}")) {
                assertEquals('H', caller.getInputStream().read());
                await(() -> running.model().load().waiting() == 1);
                held.turn();
                assertEquals(2, running.model().load().running());
            }
            await(() ->
                    metric(
                            running,
                            "wanda_requests_total{code=\"499\",path=\"/v1/completions\"} 1.0"));
            held.turn();
            held.turn();
            assertEquals(1, running.model().load().running());
            held.letGo();
            held.awaitEnd();
            assertEquals(0, running.model().load().running());
            assertEquals(0, running.model().load().cacheBytes());
        }
    }

    @Test
    void whoLeavesEndsTheAnswerThatIsWaitedFor() throws Exception {
        try (RunningServer running = start(1, 4, Optional.empty());
                var _ = HeldGeneration.of(running.model())) {
            try (Socket caller = call(running, "{\"prompt\":\"The king\"}")) {
                await(() -> running.model().load().waiting() == 1);
                assertTrue(caller.isConnected());
            }
            await(() -> running.model().load().waiting() == 0);
            assertEquals(1, running.model().load().running());
        }
    }

    @Test
    void whoComesWhenTheQueueIsFullIsToldToComeBack() throws Exception {
        try (RunningServer running = start(1, 1, Optional.empty());
                var _ = HeldGeneration.of(running.model());
                var _ = running.model().start(new int[] {1}, Sampling.GREEDY, NONE)) {
            assertEquals(1, running.model().load().waiting());
            HttpResponse<String> refused = running.post("/v1/completions", "{\"prompt\":\"I\"}");
            assertEquals(429, refused.statusCode(), refused.body());
            assertEquals("1", refused.headers().firstValue("Retry-After").orElseThrow());
            assertTrue(refused.body().contains("rate_limit_exceeded"), refused.body());
            assertTrue(refused.body().contains("1 are answered and 1 wait"), refused.body());
            assertTrue(metric(running, "wanda_waiting 1.0"));
            assertTrue(metric(running, "wanda_running 1.0"));
        }
    }

    @Test
    void whatTheMemoryCanNeverHoldIsRefusedWithTheFigure() throws Exception {
        var twoPages = new LanguageModel.Settings(1, 2, 2, 0, 100_000);
        RunningServer.copyModel(directory);
        try (RunningServer running = RunningServer.start(directory, twoPages, Optional.empty())) {
            for (String body :
                    List.of(
                            "{'prompt':'The king','max_tokens':64}",
                            "{'prompt':'%s'}".formatted("word ".repeat(64)))) {
                HttpResponse<String> refused =
                        running.post("/v1/completions", body.replace('\'', '"'));
                assertEquals(400, refused.statusCode(), refused.body());
                assertTrue(refused.body().contains("context_length_exceeded"), refused.body());
                assertTrue(refused.body().contains("0.1 MB (--cache-memory)"), refused.body());
            }
            String chat = "{\"messages\":[{\"role\":\"user\",\"content\":\"I\"}]}";
            HttpResponse<String> fits = running.post("/v1/chat/completions", chat);
            assertEquals(200, fits.statusCode(), fits.body());
            assertTrue(metric(running, "wanda_cache_limit_bytes 98304.0"));
        }
    }

    @Test
    void aServerThatClosesTellsThoseWhoWait() throws Exception {
        RunningServer running = start(2, 2, Optional.empty());
        try (var held = HeldGeneration.of(running.model())) {
            String body =
                    "{\"prompt\":\"The king\",\"max_tokens\":400,\"logprobs\":20,\"stream\":true}";
            var told = inBackground(() -> running.post("/v1/completions", body).body());
            await(() -> running.model().load().waiting() == 1);
            held.turn();
            assertEquals(2, running.model().load().running());
            var waits = inBackground(() -> running.post("/v1/completions", body).body());
            await(() -> running.model().load().waiting() == 1);
            var closed =
                    inBackground(() -> {
                        running.server().close();
                        return "closed";
                    });
            assertTrue(waits.join().contains("the server is closing"), waits.join());
            held.letGo();
            assertTrue(told.join().contains("the server is closing"), told.join());
            assertEquals("closed", closed.join());
        }
        running.model().close();
    }

    @Test
    void whoDoesNotReadEndsTheAnswer() throws Exception {
        var ended = new CompletableFuture<Integer>();
        HttpServer http =
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        try (var limit = new WriteTimeout(Duration.ofMillis(200));
                var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            http.setExecutor(threads);
            http.createContext(
                    "/",
                    exchange -> {
                        var call = new Exchange(exchange, limit);
                        try (call) {
                            call.beginEvents();
                            while (true) {
                                call.event("more");
                            }
                        } finally {
                            ended.complete(call.status());
                        }
                    });
            http.start();
            try (var caller = new Socket()) {
                caller.connect(http.getAddress());
                caller.getOutputStream().write(bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
                assertEquals(499, ended.join());
            }
        } finally {
            http.stop(0);
        }
    }

    @Test
    void soManyCallersMayBeConnected() throws Exception {
        try (RunningServer running = start(1, 1, Optional.empty())) {
            int most = Integer.getInteger("jdk.httpserver.maxConnections");
            List<Socket> callers = new ArrayList<>();
            try {
                for (int i = 0; i < most; i++) {
                    callers.add(send(running, ""));
                }
                try (Socket oneMore =
                        send(running, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")) {
                    assertTrue(isClosed(oneMore));
                }
            } finally {
                for (Socket caller : callers) {
                    caller.close();
                }
            }
            await(() -> isHealthy(running));
        }
    }

    private static boolean isClosed(Socket caller) {
        try {
            return caller.getInputStream().read() < 0;
        } catch (IOException e) {
            return true;
        }
    }

    private static boolean isHealthy(RunningServer running) {
        try {
            return running.get("/health").statusCode() == 200;
        } catch (IOException | InterruptedException e) {
            return false;
        }
    }

    @Test
    void aBodyMayBeAsLargeAsANumberSays() throws Exception {
        RunningServer.copyModel(directory);
        try (RunningServer running =
                RunningServer.start(
                        directory,
                        new LanguageModel.Settings(1, 1, 1),
                        Optional.empty(),
                        Integer.MAX_VALUE)) {
            HttpResponse<String> answer =
                    running.post("/v1/completions", "{\"prompt\":\"I\",\"max_tokens\":1}");
            assertEquals(200, answer.statusCode(), answer.body());
        }
    }

    @Test
    void aFaultIsLoggedUnderTheNumberThatTheCallerGets() throws Exception {
        var records = new ArrayBlockingQueue<LogRecord>(1);
        var handler =
                new Handler() {
                    @Override
                    public void publish(LogRecord record) {
                        records.add(record);
                    }

                    @Override
                    public void flush() {}

                    @Override
                    public void close() {}
                };
        Logger logger = Logger.getLogger("org.wanda4j.serve");
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
        var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        HttpServer http = HttpServer.create(address, 0);
        try (LanguageModel model = LanguageModel.open(RunningServer.copyModel(directory));
                var limit = new WriteTimeout(Duration.ofSeconds(30))) {
            var settings = new Server.Settings(address, Optional.empty(), "tiny", 1, 1000);
            var held = new HeldBytes(0);
            var metrics = new Metrics(model, held);
            var answering = new CompletionHandler(model, metrics, held);
            http.createContext("/", new Api(settings, 1, limit, null, metrics, answering));
            http.start();
            String completions =
                    "http://127.0.0.1:%d/v1/completions".formatted(http.getAddress().getPort());
            HttpResponse<String> answer =
                    RunningServer.send(
                            HttpRequest.newBuilder(URI.create(completions))
                                    .header("Content-Type", "application/json")
                                    .POST(HttpRequest.BodyPublishers.ofString("{}")));
            assertEquals(500, answer.statusCode(), answer.body());
            Matcher number = Pattern.compile("as fault ([0-9a-f]{8})\"").matcher(answer.body());
            assertTrue(number.find(), answer.body());
            assertFalse(answer.body().contains("Exception"), answer.body());
            LogRecord logged = records.take();
            assertTrue(logged.getMessage().contains(number.group(1)), logged::getMessage);
            assertTrue(logged.getThrown() != null);
        } finally {
            http.stop(0);
            logger.removeHandler(handler);
            logger.setUseParentHandlers(true);
        }
    }

    @Test
    void everyFieldIsChecked() throws Exception {
        try (RunningServer running = start(1, 1, Optional.empty())) {
            for (String line : BODIES.lines().toList()) {
                String[] parts = line.split(" -> ", -1);
                HttpResponse<String> answer =
                        running.post("/v1/completions", parts[0].replace('\'', '"'));
                assertEquals(parts[1], "" + answer.statusCode(), line + ": " + answer.body());
                assertTrue(answer.body().contains(parts[2]), line + ": " + answer.body());
            }
            String deep = "[".repeat(5000) + "]".repeat(5000);
            HttpResponse<String> answer =
                    running.post("/v1/completions", "{\"prompt\":" + deep + "}");
            assertEquals(400, answer.statusCode());
            assertTrue(answer.body().contains("not valid JSON"), answer.body());
        }
    }

    @Test
    void onlyWhatIsThereAnswers() throws Exception {
        try (RunningServer running = start(1, 1, Optional.empty())) {
            assertEquals(404, running.get("/v1/nothing").statusCode());
            assertEquals(404, running.get("/v1/models/other").statusCode());
            HttpResponse<String> wrong = running.get("/v1/completions");
            assertEquals(405, wrong.statusCode());
            assertEquals("POST", wrong.headers().firstValue("Allow").orElseThrow());
            HttpRequest.Builder plain =
                    running.request("/v1/completions")
                            .header("Content-Type", "text/plain")
                            .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\":\"a\"}"));
            assertEquals(415, RunningServer.send(plain).statusCode());
            assertEquals("{\"status\":\"ok\"}", running.get("/health").body());
            HttpRequest.Builder head =
                    running.request("/health").method("HEAD", HttpRequest.BodyPublishers.noBody());
            HttpResponse<String> headers = RunningServer.send(head);
            assertEquals(200, headers.statusCode());
            assertEquals("15", headers.headers().firstValue("Content-Length").orElseThrow());
            assertEquals("", headers.body());
        }
    }

    @Test
    void localhostIsBothAddressesOfThisMachine() throws Exception {
        try (RunningServer running = start(1, 1, Optional.empty())) {
            for (String address : List.of("127.0.0.1", "::1")) {
                InetAddress loopback = InetAddress.getByName(address);
                if (NetworkInterface.getByInetAddress(loopback) != null) {
                    try (var caller = new Socket(loopback, running.server().address().getPort())) {
                        caller.getOutputStream()
                                .write(bytes("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
                        assertEquals('H', caller.getInputStream().read(), address);
                    }
                }
            }
        }
    }

    @Test
    void aModelThatDecodesNoMoreIsNotHealthy() throws Exception {
        try (RunningServer running = start(1, 1, Optional.empty())) {
            running.model().close();
            HttpResponse<String> health = running.get("/health");
            assertEquals(503, health.statusCode(), health.body());
            HttpResponse<String> answer = running.post("/v1/completions", "{\"prompt\":[1]}");
            assertEquals(503, answer.statusCode(), answer.body());
        }
    }

    @Test
    void aPageUnderAnotherNameOfThisMachineIsRefused() throws Exception {
        try (RunningServer open = start(1, 1, Optional.empty());
                RunningServer locked = RunningServer.start(directory, 1, 1, Optional.of("key"))) {
            assertTrue(
                    raw(open, "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                            .contains("403"));
            assertTrue(
                    raw(locked, "GET /health HTTP/1.1\r\nHost: name.example\r\n\r\n")
                            .contains("200"));
        }
    }

    private static String raw(RunningServer running, String request) throws IOException {
        try (Socket caller = send(running, request)) {
            byte[] answer = new byte[12];
            caller.getInputStream().readNBytes(answer, 0, answer.length);
            return new String(answer, StandardCharsets.UTF_8);
        }
    }

    private RunningServer start(int atOnce, int queueLimit, Optional<String> key)
            throws IOException {
        return RunningServer.start(RunningServer.copyModel(directory), atOnce, queueLimit, key);
    }

    private interface BlockingCall {
        String run() throws IOException, InterruptedException;
    }

    private static CompletableFuture<String> inBackground(BlockingCall call) {
        var result = new CompletableFuture<String>();
        Thread.ofVirtual()
                .start(() -> {
                    try {
                        result.complete(call.run());
                    } catch (IOException | InterruptedException e) {
                        result.completeExceptionally(e);
                    }
                });
        return result;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static Socket call(RunningServer running, String body) throws IOException {
        return send(
                running,
                "POST /v1/completions HTTP/1.1\r\n"
                        + "Host: localhost\r\n"
                        + "Content-Type: application/json\r\n"
                        + "Content-Length: %d\r\n\r\n%s".formatted(body.length(), body));
    }

    private static Socket send(RunningServer running, String request) throws IOException {
        var caller =
                new Socket(
                        running.server().address().getAddress(),
                        running.server().address().getPort());
        caller.getOutputStream().write(bytes(request));
        return caller;
    }

    private static boolean metric(RunningServer running, String line) {
        try {
            return running.get("/metrics").body().contains(line);
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            assertFalse(Thread.interrupted(), "it took too long");
            LockSupport.parkNanos(1_000_000);
        }
    }
}
