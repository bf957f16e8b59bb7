package org.wanda4j.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.wanda4j.SharedFiles;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.text.ChatTemplate.Ending;
import org.wanda4j.text.ChatTemplate.Message;
import tools.jackson.databind.JsonNode;

/// The expected texts are those of transformers; `src/test/python/chat_golden.py` wrote them.
class ChatTemplateTest {

    private static final Clock CLOCK =
            Clock.fixed(Instant.parse("2025-03-09T14:05:07Z"), ZoneOffset.UTC);
    private static final String TOKENS =
            "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}, \"unk_token\": null";
    private static final List<Message> HELLO = List.of(new Message("user", "Hello"));

    @TempDir private Path directory;

    static Stream<JsonNode> cases() {
        return Golden.read("chat.json").path("cases").valueStream();
    }

    @Test
    void aTemplateMayBeginWithAByteOrderMarkAndHaveCarriageReturns() throws IOException {
        Files.writeString(
                directory.resolve("chat_template.jinja"),
                "\ufeff{% for m in messages %}\r\n{{ m.content }}!{% endfor %}");
        ChatTemplate template = ChatTemplate.of(directory, CLOCK).orElseThrow();
        assertEquals("Hello!", template.render(HELLO, false));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void rendersWhatTransformersRenders(JsonNode golden) throws IOException {
        ChatTemplate template = template(golden);
        List<Message> messages = messages(golden);
        boolean prompt = golden.path("prompt").asBoolean();
        if (golden.has("error")) {
            String message =
                    assertThrows(
                                    InvalidInputException.class,
                                    () -> template.render(messages, prompt))
                            .getMessage();
            assertTrue(message.endsWith(golden.path("error").asString()), message);
        } else {
            assertEquals(golden.path("text").asString(), template.render(messages, prompt));
        }
    }

    static Stream<JsonNode> open() {
        return Golden.read("chat_open.json").path("cases").valueStream();
    }

    @ParameterizedTest
    @MethodSource("open")
    void leavesMessagesOpenAndTakesVariablesAsTransformersDoes(JsonNode golden) throws IOException {
        ChatTemplate template = template(golden);
        List<Message> messages = messages(golden);
        Map<String, Object> variables = new HashMap<>();
        golden.path("variables")
                .forEachEntry((name, value) ->
                        variables.put(
                                name, value.isBoolean() ? value.asBoolean() : value.asString()));
        Ending ending = golden.path("open").asBoolean() ? Ending.OPEN : Ending.ANSWER;
        if (golden.has("text")) {
            assertEquals(
                    golden.path("text").asString(), template.render(messages, ending, variables));
        } else {
            assertThrows(
                    InvalidInputException.class,
                    () -> template.render(messages, ending, variables));
        }
    }

    @Test
    void aTemplateSeesWhatElseAMessageSays() throws IOException {
        config(TOKENS + ", \"chat_template\": \"{% for m in messages %}{{ m }}{% endfor %}\"}");
        var message = new Message("user", "Hello", Map.of("name", "Ann", "role", "other"));
        assertEquals(
                "{'role': 'user', 'content': 'Hello', 'name': 'Ann'}",
                ChatTemplate.of(directory, CLOCK).orElseThrow().render(List.of(message), false));
    }

    @Test
    void theTemplateOfTheTokenizerConfigIsATextOrAListOfNamedOnes() throws IOException {
        config(TOKENS + ", \"chat_template\": \"{{ bos_token }}{{ messages[0].content }}\"}");
        assertEquals("<s>Hello", render());
        config(
                TOKENS
                        + ", \"chat_template\": [{\"name\": \"tool_use\", \"template\": \"t\"},"
                        + " {\"name\": \"default\", \"template\": \"{{ eos_token }}\"}]}");
        assertEquals("</s>", render());
    }

    @Test
    void aModelMayHaveNone() throws IOException {
        assertEquals(Optional.empty(), ChatTemplate.of(directory));
        config(TOKENS + "}");
        assertEquals(Optional.empty(), ChatTemplate.of(directory));
        assertEquals(Optional.empty(), ChatTemplate.of(SharedFiles.tinyLlama()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{",
                "{{ 1 +",
                "{% if %}x{% endif %}",
                "{% for x in messages %}",
                "{% endfor %}",
                "{% include 'secret' %}",
                "{% import 'secret' as s %}",
                "{{ messages | nosuchfilter }}",
                "{{ messages is nosuchtest }}",
                "{{ 'unfinished }}",
                "{# unfinished",
                "{{ '\\u12' }}",
                "{{ nothing.at_all }}",
                "{{ nothing() }}",
                "{{ messages.append(1) }}",
                "{{ ''.__class__.__mro__ }}",
                "{{ 1 / 0 }}",
                "{{ 9223372036854775807 + 1 }}",
                "{{ 99999999999999999999 }}",
                "{{ 'a' + 1 }}",
                "{{ 'a' < 1 }}",
                "{% set messages.x = 1 %}",
                "{{ range(10000000000) }}",
                "{{ 'x' * 100000000000 }}",
                "{% set ns = namespace(a='x') %}{% for i in range(100) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
                "{% set ns = namespace(a='x') %}{% for i in range(100) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}",
                "{% set ns = namespace(a=1, b=1) %}{% for i in range(100) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
                "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
                "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
                "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
                "{% set a = 'ab' * 100000 %}{% for i in range(100000) %}{% if (a ~ i) in a %}{% endif %}{% endfor %}",
                "{% set a = 'a' * 100000 %}{{ a.replace('a', a) }}",
            })
    void aTemplateThatIsBrokenOrHostileGetsOneLine(String template) throws IOException {
        Files.writeString(directory.resolve("chat_template.jinja"), template);
        String message =
                assertTimeoutPreemptively(
                                Duration.ofMinutes(10),
                                () -> assertThrows(InvalidInputException.class, this::render))
                        .getMessage();
        assertTrue(message.startsWith(directory + "/chat_template.jinja: "), message);
    }

    @Test
    void deepNestingIsRefused() throws IOException {
        for (String deep :
                List.of(
                        "{{ " + "(".repeat(200_000) + " }}",
                        "{{ " + "not ".repeat(200_000) + " 1 }}",
                        "{% if 1 %}".repeat(50_000))) {
            Files.writeString(directory.resolve("chat_template.jinja"), deep);
            assertThrows(InvalidInputException.class, this::render);
        }
    }

    @Test
    void configurationsThatAreNoneAreRefused() throws IOException {
        for (String template : List.of("7", "[]", "{}", "[{\"name\": \"default\"}]")) {
            config(TOKENS + ", \"chat_template\": " + template + "}");
            assertThrows(InvalidInputException.class, this::render);
        }
    }

    @Test
    void aRenderedConversationIsEncodedAsItIsWritten() throws IOException {
        Files.copy(
                SharedFiles.tinyLlama().resolve("tokenizer.json"),
                directory.resolve("tokenizer.json"));
        config("{\"bos_token\": \"<|endoftext|>\"}");
        Files.writeString(
                directory.resolve("chat_template.jinja"), "{{ bos_token ~ messages[0].content }}");
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            int[] ids = tokenizer.encodeAsWritten(render());
            assertEquals("<|endoftext|>Hello", tokenizer.decode(ids));
            assertEquals(0, ids[0]);
        }
    }

    private ChatTemplate template(JsonNode golden) throws IOException {
        String name = "golden/chat/" + golden.path("template").asString();
        try (var source = ChatTemplateTest.class.getResourceAsStream(name)) {
            Files.write(directory.resolve("chat_template.jinja"), source.readAllBytes());
        }
        config(TOKENS + "}");
        return ChatTemplate.of(directory, CLOCK).orElseThrow();
    }

    private static List<Message> messages(JsonNode golden) {
        return golden.path("messages")
                .valueStream()
                .map(it -> new Message(it.path("role").asString(), it.path("content").asString()))
                .toList();
    }

    private String render() {
        return ChatTemplate.of(directory, CLOCK).orElseThrow().render(HELLO, false);
    }

    private void config(String json) throws IOException {
        Files.writeString(directory.resolve("tokenizer_config.json"), json);
        Json.read(directory.resolve("tokenizer_config.json"));
    }
}
