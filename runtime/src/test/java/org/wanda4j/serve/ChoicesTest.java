package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.core.JsonValue;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionContentPart;
import com.openai.models.chat.completions.ChatCompletionContentPartText;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionChoice;
import com.openai.models.completions.CompletionCreateParams;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.Sampling;
import tools.jackson.databind.JsonNode;

/// Several choices of a request, several prompts, and prompts that are scored.
class ChoicesTest extends ClientTest {

    private static final int TOKENS = 12;
    private static final double TOLERANCE = 1e-3;
    private static final List<String> PROMPTS = List.of("The king", "In the year", "A", "She was");
    private static final String TEXT = "The capital of France is a city";

    @BeforeAll
    static void start() throws IOException {
        start(2, 4);
    }

    @Test
    void eachChoiceIsOfASeedOfItsOwn() {
        Completion three =
                client.completions().create(completion().prompt("A").n(3).seed(7).build());
        for (int i = 0; i < 3; i++) {
            Completion one =
                    client.completions().create(completion().prompt("A").seed(7 + i).build());
            assertEquals(i, three.choices().get(i).index());
            assertEquals(one.choices().getFirst().text(), three.choices().get(i).text());
        }
        int prompt = running.model().tokens("A").length;
        assertEquals(prompt, three.usage().orElseThrow().promptTokens());
        assertEquals(3 * TOKENS, three.usage().orElseThrow().completionTokens());
        three.validate();
    }

    /// Twice as many as the server takes at once, its queue included.
    @Test
    void aListOfPromptsIsEachOfThem() {
        Completion all =
                client.completions()
                        .create(
                                completion()
                                        .promptOfArrayOfStrings(PROMPTS)
                                        .n(3)
                                        .temperature(0)
                                        .build());
        for (int i = 0; i < 3 * PROMPTS.size(); i++) {
            assertEquals(i, all.choices().get(i).index());
            assertEquals(alone(PROMPTS.get(i / 3)), all.choices().get(i).text());
        }
        List<List<Long>> tokens =
                PROMPTS.stream()
                        .map(text ->
                                Arrays.stream(running.model().tokens(text))
                                        .asLongStream()
                                        .boxed()
                                        .toList())
                        .toList();
        Completion byTokens =
                client.completions()
                        .create(
                                completion()
                                        .promptOfArrayOfTokenArrays(tokens)
                                        .temperature(0)
                                        .build());
        assertEquals(
                PROMPTS.stream().map(ChoicesTest::alone).toList(),
                byTokens.choices().stream().map(CompletionChoice::text).toList());
    }

    @Test
    void choicesAreStreamedSideBySide() {
        var params = completion().promptOfArrayOfStrings(PROMPTS).temperature(0).build();
        var texts = new TreeMap<Long, String>();
        try (var parts = client.completions().createStreaming(params)) {
            parts.stream()
                    .flatMap(part -> part.choices().stream())
                    .forEach(choice -> texts.merge(choice.index(), choice.text(), String::concat));
        }
        assertEquals(
                PROMPTS.stream().map(ChoicesTest::alone).toList(), List.copyOf(texts.values()));
    }

    @Test
    void aChatHasSeveralChoices() {
        var params =
                ChatCompletionCreateParams.builder()
                        .model(RunningServer.MODEL)
                        .addUserMessageOfArrayOfContentParts(List.of(text("Hello, "), text("you.")))
                        .n(2)
                        .temperature(0)
                        .maxCompletionTokens(TOKENS)
                        .build();
        String expected = alone("user: Hello, you.\nassistant:");
        List<String> whole =
                client.chat().completions().create(params).choices().stream()
                        .map(choice -> choice.message().content().orElseThrow())
                        .toList();
        assertEquals(List.of(expected, expected), whole);
        try (var parts = client.chat().completions().createStreaming(params)) {
            List<ChatCompletionChunk> chunks = parts.stream().toList();
            for (int i = 0; i < 2; i++) {
                int index = i;
                assertEquals(
                        expected,
                        chunks.stream()
                                .flatMap(chunk -> chunk.choices().stream())
                                .filter(choice -> choice.index() == index)
                                .map(choice -> choice.delta().content().orElse(""))
                                .collect(Collectors.joining()));
            }
        }
    }

    private static ChatCompletionContentPart text(String text) {
        return ChatCompletionContentPart.ofText(
                ChatCompletionContentPartText.builder().text(text).build());
    }

    /// Each token of the prompt has the log probability that it has as the next token behind those before it, where a bias makes it
    /// the likeliest.
    @Test
    void anEchoedPromptIsScored() throws Exception {
        int[] tokens = running.model().tokens(TEXT);
        JsonNode choice =
                choice(
                        "{\"prompt\":%s,\"echo\":true,\"logprobs\":3,\"max_tokens\":1,\"temperature\":0}"
                                .formatted(Arrays.toString(tokens)));
        JsonNode logprobs = choice.path("logprobs");
        assertEquals(tokens.length + 1, logprobs.path("tokens").size());
        assertTrue(logprobs.path("token_logprobs").get(0).isNull());
        assertTrue(logprobs.path("top_logprobs").get(0).isNull());
        for (int i = 1; i < tokens.length; i++) {
            JsonNode next =
                    choice(
                            "{\"prompt\":%s,\"logprobs\":3,\"max_tokens\":1,\"temperature\":0,\"logit_bias\":{\"%d\":100}}"
                                    .formatted(
                                            Arrays.toString(Arrays.copyOf(tokens, i)), tokens[i]));
            assertEquals(
                    next.path("logprobs").path("token_logprobs").get(0).asDouble(),
                    logprobs.path("token_logprobs").get(i).asDouble(),
                    TOLERANCE);
            assertEquals(3, logprobs.path("top_logprobs").get(i).size());
        }
        assertEquals(choice.path("text").asString(), joined(logprobs));
        assertTrue(choice.path("text").asString().startsWith(TEXT));
    }

    @Test
    void aPromptIsScoredAlone() throws Exception {
        int count = running.model().tokens(TEXT).length;
        JsonNode scored =
                choice(
                        "{\"prompt\":\"%s\",\"echo\":true,\"logprobs\":0,\"max_tokens\":0}"
                                .formatted(TEXT));
        assertEquals(TEXT, scored.path("text").asString());
        assertEquals(count, scored.path("logprobs").path("token_logprobs").size());
        JsonNode unscored =
                choice("{\"prompt\":\"%s\",\"echo\":true,\"max_tokens\":0}".formatted(TEXT));
        assertEquals(TEXT, unscored.path("text").asString());
    }

    /// A prompt of more tokens than a batch holds.
    @Test
    void aLongPromptIsScoredInParts() throws Exception {
        String text = "a b c d ".repeat(120).strip();
        int count = running.model().tokens(text).length;
        JsonNode logprobs =
                choice(
                                "{\"prompt\":\"%s\",\"echo\":true,\"logprobs\":1,\"max_tokens\":1,\"temperature\":0}"
                                        .formatted(text))
                        .path("logprobs");
        assertEquals(count + 1, logprobs.path("token_logprobs").size());
        IntStream.rangeClosed(1, count)
                .forEach(i ->
                        assertTrue(logprobs.path("token_logprobs").get(i).asDouble() < 0, "" + i));
    }

    /// lm-evaluation-harness leaves out the last token, which is the one that was generated.
    @Test
    void anEndTokenBehindAnEchoedPromptIsReported() throws Exception {
        int count = running.model().tokens(TEXT).length;
        int end = Json.read(directory.resolve("config.json")).path("eos_token_id").asInt();
        JsonNode choice =
                choice(
                        "{\"prompt\":\"%s\",\"echo\":true,\"logprobs\":1,\"max_tokens\":1,\"logit_bias\":{\"%d\":100}}"
                                .formatted(TEXT, end));
        assertEquals("stop", choice.path("finish_reason").asString());
        assertEquals(count + 1, choice.path("logprobs").path("tokens").size());
    }

    @Test
    void anEchoedTextIsStreamed() {
        var params = completion().prompt("The king").echo(true).temperature(0).build();
        try (var parts = client.completions().createStreaming(params)) {
            assertEquals(
                    "The king" + alone("The king"),
                    parts.stream()
                            .flatMap(part -> part.choices().stream())
                            .map(CompletionChoice::text)
                            .collect(Collectors.joining()));
        }
    }

    @Test
    void aBiasRulesATokenOut() {
        String text = alone("The king");
        int first =
                running.model()
                        .tokensAsWritten("The king" + text)[
                        running.model().tokensAsWritten("The king").length];
        var params =
                completion()
                        .prompt("The king")
                        .temperature(0)
                        .logitBias(
                                CompletionCreateParams.LogitBias.builder()
                                        .putAdditionalProperty("" + first, JsonValue.from(-100))
                                        .build())
                        .build();
        String other = client.completions().create(params).choices().getFirst().text();
        assertTrue(!other.startsWith(running.model().text(new int[] {first})), other);
    }

    @Test
    void whatCannotBeUsedIsNamed() throws Exception {
        assertRefused("{\"prompt\":[]}", "prompt");
        assertRefused("{\"prompt\":[\"a\",7]}", "prompt");
        assertRefused("{\"prompt\":[[]]}", "prompt");
        assertRefused("{\"prompt\":\"a\",\"logit_bias\":{\"x\":1}}", "logit_bias.x");
        assertRefused("{\"prompt\":\"a\",\"logit_bias\":{\"99999\":1}}", "logit_bias.99999");
        assertRefused("{\"prompt\":\"a\",\"logit_bias\":{\"5\":101}}", "logit_bias.5");
        assertRefused("{\"prompt\":\"a\",\"n\":0}", "n");
    }

    private static void assertRefused(String body, String param) throws Exception {
        HttpResponse<String> answer = running.post("/v1/completions", body);
        assertEquals(400, answer.statusCode(), answer.body());
        assertTrue(answer.body().contains("\"param\":\"" + param + "\""), answer.body());
    }

    private static String joined(JsonNode logprobs) {
        return logprobs.path("tokens")
                .valueStream()
                .map(JsonNode::asString)
                .collect(Collectors.joining());
    }

    private static JsonNode choice(String body) throws Exception {
        HttpResponse<String> answer = running.post("/v1/completions", body);
        assertEquals(200, answer.statusCode(), answer.body());
        byte[] json = answer.body().getBytes(StandardCharsets.UTF_8);
        return Json.parse(json, "the answer").path("choices").get(0);
    }

    private static String alone(String prompt) {
        return running.model()
                .generate(prompt, Sampling.GREEDY.withMaxTokens(TOKENS), _ -> {})
                .text();
    }

    private static CompletionCreateParams.Builder completion() {
        return CompletionCreateParams.builder().model(RunningServer.MODEL).maxTokens(TOKENS);
    }
}
