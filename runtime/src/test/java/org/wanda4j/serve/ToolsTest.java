package org.wanda4j.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.core.JsonValue;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionNamedToolChoice;
import com.openai.models.chat.completions.ChatCompletionToolChoiceOption;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.tools.ToolFormat;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Calls of functions, by templates that show the three forms.
class ToolsTest {

    private static final String MESSAGES =
            """
            {% for m in messages %}{{ m.role }}:\
            {% for c in m.tool_calls or [] %} {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %} {{ m.content }}
            {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}\
            """;
    private static final String TAGS =
            "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{# <tool_call> #}" + MESSAGES;
    private static final String LIST = TAGS.replace("<tool_call>", "[TOOL_CALLS]");
    private static final String OBJECT = TAGS.replace("<tool_call>", "{\"name\", \"parameters\"}");
    private static final int SEEDS = 6;
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir private Path directory;

    private RunningServer start(String template) throws IOException {
        RunningServer.copyModel(directory);
        Files.writeString(directory.resolve("chat_template.jinja"), template);
        return RunningServer.start(directory, 2, 4, Optional.empty());
    }

    @Test
    void aFunctionThatMustBeCalledIsCalledInEachForm() throws Exception {
        for (String template : List.of(TAGS, LIST, OBJECT)) {
            try (RunningServer running = start(template)) {
                OpenAIClient client = running.client("none");
                for (int seed = 0; seed < SEEDS; seed++) {
                    ChatCompletion.Choice choice =
                            client.chat()
                                    .completions()
                                    .create(params(seed).build())
                                    .choices()
                                    .getFirst();
                    assertEquals(Optional.empty(), choice.message().content());
                    check(choice.message().toolCalls().orElseThrow().getFirst().asFunction());
                }
                client.close();
            }
            deleteModel();
        }
    }

    private void deleteModel() throws IOException {
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
    }

    private static void check(ChatCompletionMessageFunctionToolCall call) {
        assertEquals("weather", call.function().name());
        JsonNode arguments = JSON.readTree(call.function().arguments());
        assertTrue(arguments.path("city").isString(), arguments.toString());
        assertTrue(
                List.of("celsius", "kelvin").contains(arguments.path("unit").asString()),
                arguments.toString());
    }

    @Test
    void aStreamHasTheCall() throws Exception {
        try (RunningServer running = start(TAGS)) {
            OpenAIClient client = running.client("none");
            var accumulator = ChatCompletionAccumulator.create();
            try (var parts = client.chat().completions().createStreaming(params(1).build())) {
                parts.stream().forEach(accumulator::accumulate);
            }
            ChatCompletion.Choice streamed = accumulator.chatCompletion().choices().getFirst();
            ChatCompletion.Choice whole =
                    client.chat().completions().create(params(1).build()).choices().getFirst();
            assertEquals(
                    whole.message().toolCalls().orElseThrow().getFirst().asFunction().function(),
                    streamed.message()
                            .toolCalls()
                            .orElseThrow()
                            .getFirst()
                            .asFunction()
                            .function());
            assertEquals(whole.finishReason(), streamed.finishReason());
            client.close();
        }
    }

    /// Without `tool_choice` the model may write text, or calls that have the form.
    @Test
    void anAnswerMayHaveNoCall() throws Exception {
        try (RunningServer running = start(TAGS)) {
            OpenAIClient client = running.client("none");
            for (int seed = 0; seed < SEEDS; seed++) {
                ChatCompletion.Choice choice =
                        client.chat()
                                .completions()
                                .create(
                                        params(seed)
                                                .toolChoice(
                                                        ChatCompletionToolChoiceOption.Auto.AUTO)
                                                .maxCompletionTokens(20)
                                                .build())
                                .choices()
                                .getFirst();
                choice.message()
                        .toolCalls()
                        .ifPresent(calls -> calls.forEach(call -> check(call.asFunction())));
                assertTrue(
                        choice.message().content().isPresent()
                                || choice.message().toolCalls().isPresent());
            }
            client.close();
        }
    }

    @Test
    void theTemplateSeesToolsCallsAndResults() throws Exception {
        try (RunningServer running = start(TAGS)) {
            String body =
                    """
                    {"messages":[{"role":"user","content":"Hi"},
                        {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\\"a\\":[1]}"}}]},
                        {"role":"tool","tool_call_id":"1","content":"7"}],
                     "tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}\
                    """;
            HttpResponse<String> answer = running.post("/tokenize", body);
            assertEquals(200, answer.statusCode(), answer.body());
            int[] tokens =
                    JSON.readTree(answer.body())
                            .path("tokens")
                            .valueStream()
                            .mapToInt(JsonNode::asInt)
                            .toArray();
            String text = running.model().text(tokens).strip();
            assertEquals(
                    """
                    {"type": "function", "function": {"name": "f", "parameters": {}}}user: Hi
                    assistant: f {"a": [1]}\s
                    tool: 7
                    assistant:\
                    """,
                    text);
        }
    }

    @Test
    void whatCannotBeDoneIsNamed() throws Exception {
        try (RunningServer running = start(TAGS)) {
            assertRefused(running, "\"tools\":[{\"type\":\"web\"}]", "tools[0].type");
            assertRefused(running, "\"tools\":[{\"type\":\"function\"}]", "tools[0].function");
            assertRefused(running, "\"tool_choice\":\"required\"", "tool_choice");
            assertRefused(
                    running,
                    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}",
                    "tool_choice");
            assertRefused(
                    running,
                    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,\"parameters\":{\"type\":\"string\",\"not\":{}}}}]",
                    "tools[0].function.parameters");
        }
        deleteModel();
        try (RunningServer running = start(MESSAGES)) {
            assertRefused(
                    running,
                    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]",
                    "tools");
        }
    }

    private static void assertRefused(RunningServer running, String fields, String param)
            throws Exception {
        HttpResponse<String> answer =
                running.post(
                        "/v1/chat/completions",
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]," + fields + "}");
        assertEquals(400, answer.statusCode(), answer.body());
        assertTrue(answer.body().contains("\"param\":\"" + param + "\""), answer.body());
    }

    @Test
    void formsAreFoundInTemplates() throws Exception {
        assertEquals(Optional.of(ToolFormat.TAGS), format(TAGS));
        assertEquals(Optional.of(ToolFormat.LIST), format(LIST));
        assertEquals(Optional.of(ToolFormat.OBJECT), format(OBJECT));
        assertEquals(Optional.empty(), format(MESSAGES));
    }

    private Optional<ToolFormat> format(String template) throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), template);
        return ToolFormat.of(ChatTemplate.of(directory).orElseThrow());
    }

    private static ChatCompletionCreateParams.Builder params(int seed) {
        return ChatCompletionCreateParams.builder()
                .model(RunningServer.MODEL)
                .addUserMessage("How is it in Rome?")
                .addFunctionTool(
                        FunctionDefinition.builder()
                                .name("weather")
                                .description("The weather of a city")
                                .parameters(
                                        FunctionParameters.builder()
                                                .putAdditionalProperty(
                                                        "type", JsonValue.from("object"))
                                                .putAdditionalProperty(
                                                        "properties",
                                                        JsonValue.from(
                                                                Map.of(
                                                                        "city",
                                                                        Map.of("type", "string"),
                                                                        "unit",
                                                                        Map.of(
                                                                                "enum",
                                                                                List.of(
                                                                                        "celsius",
                                                                                        "kelvin")))))
                                                .putAdditionalProperty(
                                                        "required",
                                                        JsonValue.from(List.of("city", "unit")))
                                                .build())
                                .build())
                .toolChoice(
                        ChatCompletionNamedToolChoice.builder()
                                .function(
                                        ChatCompletionNamedToolChoice.Function.builder()
                                                .name("weather")
                                                .build())
                                .build())
                .temperature(2)
                .putAdditionalBodyProperty("seed", JsonValue.from(seed))
                .maxCompletionTokens(150);
    }
}
