package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.OtherTokenizer;
import tools.jackson.databind.JsonNode;

/// Tokens as callers are told of them, where many read the same or are parts of characters.
class LogprobsTest {

    private static final int SEEDS = 10;

    @TempDir private static Path directory;
    private static RunningServer running;

    @BeforeAll
    static void start() throws IOException {
        OtherTokenizer.put(RunningServer.copyModel(directory));
        running = RunningServer.start(directory, 2, 4, Optional.empty());
    }

    @AfterAll
    static void stop() {
        running.close();
    }

    @Test
    void aCompletionTellsOfAsManyAsAskedForAndWhereEachBegins() throws Exception {
        for (int seed = 0; seed < SEEDS; seed++) {
            JsonNode choice =
                    choice(
                            "/v1/completions",
                            "{\"prompt\":[300],\"logprobs\":20,\"temperature\":100,\"seed\":%d}"
                                    .formatted(seed));
            String text = choice.path("text").asString();
            JsonNode logprobs = choice.path("logprobs");
            var joined = new StringBuilder();
            for (int i = 0; i < logprobs.path("tokens").size(); i++) {
                assertEquals(20, logprobs.path("top_logprobs").get(i).size());
                assertEquals(
                        joined.codePointCount(0, joined.length()),
                        logprobs.path("text_offset").get(i).asInt());
                joined.append(logprobs.path("tokens").get(i).asString());
            }
            assertEquals(text, joined.toString());
        }
    }

    @Test
    void aChatTellsOfBytes() throws Exception {
        for (int seed = 0; seed < SEEDS; seed++) {
            JsonNode choice =
                    choice(
                            "/v1/chat/completions",
                            """
                            {"messages":[{"role":"user","content":"w"}],"logprobs":true,"top_logprobs":20,"max_tokens":12,
                                "temperature":100,"seed":%d}\
                            """
                                    .formatted(seed));
            var bytes = new ByteArrayOutputStream();
            for (JsonNode token : choice.path("logprobs").path("content")) {
                token.path("bytes").forEach(each -> bytes.write(each.asInt()));
                assertEquals(20, token.path("top_logprobs").size());
            }
            assertEquals(
                    choice.path("message").path("content").asString(),
                    bytes.toString(StandardCharsets.UTF_8));
        }
    }

    @Test
    void aTokenThatTheModelHasNoRowForIsTheCallersMistake() throws Exception {
        for (String prompt : new String[] {"\"a[PAD]\"", "[2048]"}) {
            HttpResponse<String> answer =
                    running.post("/v1/completions", "{\"prompt\":" + prompt + "}");
            assertEquals(400, answer.statusCode(), answer.body());
            assertTrue(answer.body().contains("\"param\":\"prompt\""), answer.body());
        }
    }

    private static JsonNode choice(String path, String body) throws Exception {
        HttpResponse<String> answer = running.post(path, body);
        assertEquals(200, answer.statusCode(), answer.body());
        byte[] json = answer.body().getBytes(StandardCharsets.UTF_8);
        return Json.parse(json, "the answer").path("choices").get(0);
    }
}
