package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.runtime.Answer;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;

/// What a server does with callers who ask too much, leave early, or are not what they seem.
@Timeout(60)
class LimitsTest {

    /// Bodies of a completion, what they are answered with, and a part of that.
    private static final String BODIES =
            """
            {'prompt':'a','n':2} -> 400 -> n is not supported
            {'prompt':['a','b']} -> 400 -> prompt must be one text
            {'prompt':[999999]} -> 400 -> no token
            {'prompt':''} -> 400 -> the prompt is empty
            {} -> 400 -> prompt is missing
            {'prompt':'a','max_tokens':0} -> 400 -> max_tokens must be a whole number from 1 to 400
            {'prompt':'a','temperature':'hot'} -> 400 -> temperature must be a number
            {'prompt':'a','temperature':-1} -> 400 -> temperature must be a number
            {'prompt':'a','top_p':0} -> 400 -> top-p must lie
            {'prompt':'a','seed':1.5} -> 400 -> seed must be
            {'prompt':'a','stop':[1]} -> 400 -> stop must be
            {'prompt':'a','stop':''} -> 400 -> a stop text must not be empty
            {'prompt':'a','logprobs':99} -> 400 -> logprobs must be
            {'prompt':'a','logit_bias':{'5':1}} -> 400 -> logit_bias is not supported
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
        try (RunningServer running = start(2, 4, Optional.empty())) {
            Answer slow = occupy(running);
            try (Socket caller =
                    call(running, "{\"prompt\":\"The king\",\"max_tokens\":400,\"stream\":true}")) {
                assertEquals('H', caller.getInputStream().read());
                await(() -> running.model().load().running() == 2);
            }
            await(() -> running.model().load().running() == 1);
            slow.close();
            await(() -> running.model().load().running() == 0);
            assertEquals(0, running.model().load().cacheBytes());
            await(() ->
                    metric(
                            running,
                            "wanda_requests_total{code=\"499\",path=\"/v1/completions\"} 1.0"));
        }
    }

    @Test
    void whoLeavesEndsTheAnswerThatIsWaitedFor() throws Exception {
        try (RunningServer running = start(1, 4, Optional.empty())) {
            Answer slow = occupy(running);
            try (Socket caller = call(running, "{\"prompt\":\"The king\"}")) {
                await(() -> running.model().load().waiting() == 1);
                assertTrue(caller.isConnected());
            }
            await(() -> running.model().load().waiting() == 0);
            assertEquals(1, running.model().load().running());
            slow.close();
        }
    }

    @Test
    void whoComesWhenTheQueueIsFullIsToldToComeBack() throws Exception {
        try (RunningServer running = start(1, 1, Optional.empty())) {
            Answer runs = occupy(running);
            Answer waits = start(running, OptionalInt.empty());
            assertEquals(1, running.model().load().waiting());
            HttpResponse<String> refused = running.post("/v1/completions", "{\"prompt\":\"I\"}");
            assertEquals(429, refused.statusCode(), refused.body());
            assertEquals("1", refused.headers().firstValue("Retry-After").orElseThrow());
            assertTrue(refused.body().contains("rate_limit_exceeded"), refused.body());
            assertTrue(refused.body().contains("1 are answered and 1 wait"), refused.body());
            assertTrue(metric(running, "wanda_waiting 1.0"));
            assertTrue(metric(running, "wanda_running 1.0"));
            waits.close();
            runs.close();
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
        Answer slow = occupy(running);
        CompletableFuture<HttpResponse<String>> waits = new CompletableFuture<>();
        Thread.ofVirtual()
                .start(() -> {
                    try {
                        String body =
                                "{\"prompt\":\"The king\",\"max_tokens\":400,\"logprobs\":20,\"stream\":true}";
                        waits.complete(running.post("/v1/completions", body));
                    } catch (IOException | InterruptedException e) {
                        waits.completeExceptionally(e);
                    }
                });
        await(() -> running.model().load().running() == 2);
        running.server().close();
        slow.close();
        assertTrue(waits.join().body().contains("the server is closing"), waits.join().body());
        running.model().close();
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

    /// Has the model write something that takes it seconds.
    private static Answer occupy(RunningServer running) {
        Answer answer = start(running, OptionalInt.of(running.model().vocabulary()));
        answer.next();
        return answer;
    }

    private static Answer start(RunningServer running, OptionalInt alternatives) {
        int[] prompt = running.model().tokens("The");
        return running.model().start(prompt, Sampling.GREEDY, alternatives);
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
        caller.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
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
            Thread.onSpinWait();
        }
    }
}
