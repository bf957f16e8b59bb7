package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.core.JsonValue;
import com.openai.errors.BadRequestException;
import com.openai.models.ResponseFormatJsonObject;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.StructuredChatCompletion;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.runtime.OtherTokenizer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Answers whose form is given. The model draws nearly any token, so that none is right by chance.
class ResponseFormatTest extends ClientTest {

    private static final int SEEDS = 12;
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir private static Path otherDirectory;

    /// What the client makes a schema of, and reads an answer as.
    public static class Person {
        public String name;
        public long age;
        public List<Color> colors;
        public Optional<Boolean> tall;
    }

    public enum Color {
        RED,
        GREEN
    }

    @BeforeAll
    static void start() throws IOException {
        start(4, 16);
    }

    @Test
    void theClientReadsItsOwnClasses() {
        for (int seed = 0; seed < SEEDS; seed++) {
            StructuredChatCompletion<Person> completion =
                    client.chat()
                            .completions()
                            .create(params(seed, 120).responseFormat(Person.class).build());
            Person person = completion.choices().getFirst().message().content().orElseThrow();
            assertTrue(person.name != null && person.colors != null);
        }
    }

    @Test
    void anObjectAlwaysParses() {
        for (int seed = 0; seed < SEEDS; seed++) {
            int most = 2 + 3 * seed;
            ChatCompletion.Choice choice =
                    client.chat()
                            .completions()
                            .create(
                                    params(seed, most)
                                            .responseFormat(
                                                    ResponseFormatJsonObject.builder().build())
                                            .build())
                            .choices()
                            .getFirst();
            String text = choice.message().content().orElseThrow();
            assertTrue(JSON.readTree(text).isObject(), text);
        }
    }

    /// A text that cannot end before it has all its tokens: its string is longer.
    @Test
    void aTextThatIsCutIsWholeAndSaysSo() throws Exception {
        String format =
                """
                {"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}}}\
                """;
        boolean cut = false;
        for (int seed = 0; seed < SEEDS; seed++) {
            JsonNode choice = choice(format, 16, seed);
            JsonNode value = JSON.readTree(choice.path("message").path("content").asString());
            assertTrue(value.path("text").isString());
            cut |= choice.path("finish_reason").asString().equals("length");
        }
        assertTrue(cut);
    }

    @Test
    void theLikeliestTokensOfTheFormAreTaken() throws Exception {
        String format =
                "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"enum\":[\"red\",\"green\"]}}}";
        JsonNode choice = choice(format, 20, 1);
        assertTrue(
                List.of("\"red\"", "\"green\"")
                        .contains(choice.path("message").path("content").asString()));
        assertEquals("stop", choice.path("finish_reason").asString());
    }

    @Test
    void aStreamHasTheForm() {
        var params =
                params(3, 60).responseFormat(ResponseFormatJsonObject.builder().build()).build();
        try (var parts = client.chat().completions().createStreaming(params)) {
            String text =
                    parts.stream()
                            .flatMap(chunk -> chunk.choices().stream())
                            .map(choice -> choice.delta().content().orElse(""))
                            .collect(Collectors.joining());
            assertTrue(JSON.readTree(text).isObject(), text);
        }
    }

    /// SentencePiece's words begin with a space, and characters may be several tokens.
    @Test
    void anotherTokenizerHasTheFormToo() throws Exception {
        OtherTokenizer.put(RunningServer.copyModel(otherDirectory));
        try (RunningServer other = RunningServer.start(otherDirectory, 2, 4, Optional.empty())) {
            HttpResponse<String> answer =
                    other.post(
                            "/v1/completions",
                            "{\"prompt\":[300],\"max_tokens\":40,\"temperature\":100,\"response_format\":{\"type\":\"json_object\"}}");
            assertTrue(
                    answer.statusCode() == 200
                            || answer.body().contains("the model has no token for"),
                    answer.body());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {'type':'xml'} | response_format.type
                    {'type':'json_schema'} | response_format.json_schema
                    {'type':'json_schema','json_schema':{'name':'x'}} | response_format.json_schema.schema
                    {'type':'json_schema','json_schema':{'name':'x','schema':{'type':'string','not':{}}}} | response_format.json_schema.schema
                    7 | response_format
                    """)
    void whatIsNotSupportedIsNamed(String format, String param) throws Exception {
        HttpResponse<String> answer = answer(format.replace('\'', '"'), 9, 1, "");
        assertEquals(400, answer.statusCode(), answer.body());
        assertTrue(answer.body().contains("\"param\":\"" + param + "\""), answer.body());
    }

    @Test
    void whatCouldCutTheFormIsRefused() throws Exception {
        HttpResponse<String> stop = answer("{\"type\":\"json_object\"}", 9, 1, ",\"stop\":\"}\"");
        assertEquals(400, stop.statusCode());
        assertTrue(stop.body().contains("\"param\":\"stop\""), stop.body());
        var few =
                assertThrows(
                        BadRequestException.class,
                        () ->
                                client.chat()
                                        .completions()
                                        .create(params(1, 9).responseFormat(Person.class).build()));
        assertTrue(few.getMessage().contains("may have 9 tokens"), few.getMessage());
    }

    private static ChatCompletionCreateParams.Builder params(int seed, int most) {
        return ChatCompletionCreateParams.builder()
                .model(RunningServer.MODEL)
                .addUserMessage("Who?")
                .temperature(2)
                .putAdditionalBodyProperty("seed", JsonValue.from(seed))
                .maxCompletionTokens(most);
    }

    private static JsonNode choice(String format, int most, int seed) throws Exception {
        HttpResponse<String> answer = answer(format, most, seed, "");
        assertEquals(200, answer.statusCode(), answer.body());
        byte[] json = answer.body().getBytes(StandardCharsets.UTF_8);
        return Json.parse(json, "the answer").path("choices").get(0);
    }

    private static HttpResponse<String> answer(String format, int most, int seed, String more)
            throws Exception {
        return running.post(
                "/v1/chat/completions",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"Who?\"}],\"temperature\":100,\"max_tokens\":%d,\"seed\":%d,\"response_format\":%s%s}"
                        .formatted(most, seed, format, more));
    }
}
