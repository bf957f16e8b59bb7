package org.wanda4j.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.agent.tool.P;
import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.agent.tool.ToolSpecifications;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.TokenStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.wanda4j.SharedFiles;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.text.ChatTemplate;

/// LangChain4j's own AI services over the tiny model.
class AiServicesTest {

    private static final int TOKENS = 24;
    private static final Sampling GREEDY = Sampling.GREEDY.withMaxTokens(TOKENS);
    private static final String TEMPLATE =
            """
            {% for t in tools or [] %}{{ t.function.name }} {% endfor %}{# <tool_call> #}\
            {% for m in messages %}{{ m.role }}:\
            {% for c in m.tool_calls or [] %} {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %} {{ m.content }}
            {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}\
            """;

    @TempDir private static Path directory;
    private static LanguageModel model;
    private static ChatTemplate template;

    interface Assistant {
        String chat(String message);
    }

    interface StreamingAssistant {
        TokenStream chat(String message);
    }

    interface Extractor {
        Person personIn(String text);
    }

    /// What LangChain4j makes a schema of, and reads an answer as.
    record Person(String name, long age, boolean tall) {}

    /// Tools.
    static final class Weather {

        @Tool("The weather of a city")
        String weather(@P("its name") String city, @P("for how many days") int days) {
            return city + days;
        }
    }

    @BeforeAll
    static void open() throws IOException {
        try (Stream<Path> files = Files.list(SharedFiles.tinyLlama())) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName()));
            }
        }
        Files.writeString(directory.resolve("chat_template.jinja"), TEMPLATE);
        model = LanguageModel.open(directory, new LanguageModel.Settings(1, 4, 16));
        template = ChatTemplate.of(directory).orElseThrow();
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void aServiceAnswersAndRemembers() {
        Assistant assistant =
                AiServices.builder(Assistant.class)
                        .chatModel(new WandaChatModel(model, template, GREEDY))
                        .chatMemory(MessageWindowChatMemory.withMaxMessages(9))
                        .build();
        String first = assistant.chat("Hello");
        assertEquals(answer("user: Hello\nassistant:"), first);
        assertEquals(
                answer("user: Hello\nassistant: " + first + "\nuser: And?\nassistant:"),
                assistant.chat("And?"));
    }

    @Test
    void aServiceStreams() {
        StreamingAssistant assistant =
                AiServices.create(
                        StreamingAssistant.class,
                        new WandaStreamingChatModel(model, template, GREEDY));
        var text = new StringBuilder();
        var end = new CompletableFuture<ChatResponse>();
        assistant
                .chat("Hello")
                .onPartialResponse(text::append)
                .onCompleteResponse(end::complete)
                .onError(end::completeExceptionally)
                .start();
        ChatResponse response = end.join();
        assertEquals(answer("user: Hello\nassistant:"), text.toString());
        assertEquals(text.toString(), response.aiMessage().text());
        assertEquals(FinishReason.LENGTH, response.finishReason());
        assertEquals(TOKENS, response.tokenUsage().outputTokenCount());
    }

    @Test
    void aServiceReturnsRecords() {
        Extractor extractor =
                AiServices.create(
                        Extractor.class,
                        new WandaChatModel(model, template, Sampling.DEFAULT.withMaxTokens(90)));
        for (int i = 0; i < 5; i++) {
            assertNotNull(extractor.personIn("Ann is 7."));
        }
    }

    @Test
    void aToolIsCalledAndAnswered() {
        var chat = new WandaChatModel(model, template, Sampling.DEFAULT.withMaxTokens(120));
        List<ToolSpecification> tools = ToolSpecifications.toolSpecificationsFrom(Weather.class);
        UserMessage question = UserMessage.from("How is it in Rome?");
        ChatResponse called =
                chat.chat(
                        ChatRequest.builder()
                                .messages(question)
                                .toolSpecifications(tools)
                                .toolChoice(ToolChoice.REQUIRED)
                                .build());
        ToolExecutionRequest call = called.aiMessage().toolExecutionRequests().getFirst();
        assertEquals("weather", call.name());
        assertTrue(call.arguments().startsWith("{\"arg0\":\""), call.arguments());
        assertTrue(
                List.of(FinishReason.TOOL_EXECUTION, FinishReason.LENGTH)
                        .contains(called.finishReason()));
        ChatResponse answered =
                chat.chat(
                        ChatRequest.builder()
                                .messages(
                                        question,
                                        called.aiMessage(),
                                        ToolExecutionResultMessage.from(call, "sunny"))
                                .toolSpecifications(tools)
                                .build());
        assertTrue(answered.tokenUsage().inputTokenCount() > called.tokenUsage().inputTokenCount());
    }

    @Test
    void whatTheModelCannotDoIsRefused() {
        var chat = new WandaChatModel(model, template, GREEDY);
        assertThrows(
                UnsupportedFeatureException.class,
                () -> chat.chat(UserMessage.from(ImageContent.from("http://localhost/a.png"))));
        assertThrows(
                UnsupportedFeatureException.class,
                () ->
                        chat.chat(
                                ChatRequest.builder()
                                        .messages(UserMessage.from("Hi"))
                                        .frequencyPenalty(1.0)
                                        .build()));
        assertThrows(InvalidRequestException.class, () -> chat.chat("word ".repeat(9000)));
    }

    @Test
    void tokensAreCountedAsTheModelReadsThem() {
        var estimator = new WandaTokenCountEstimator(model, template);
        assertEquals(
                model.tokensAsWritten("Hello").length, estimator.estimateTokenCountInText("Hello"));
        assertEquals(
                model.tokensAsWritten("system: Be kind.\nuser: Hello\nassistant: Hi\n").length,
                estimator.estimateTokenCountInMessages(
                        List.of(
                                SystemMessage.from("Be kind."),
                                UserMessage.from("Hello"),
                                AiMessage.from("Hi"))));
        assertEquals(0, estimator.estimateTokenCountInMessages(List.of()));
        assertFalse(estimator.estimateTokenCountInMessage(UserMessage.from("Hello")) == 0);
    }

    private static String answer(String prompt) {
        var stream = model.reply(model.tokensAsWritten(prompt), GREEDY, OptionalInt.empty());
        try (stream) {
            while (true) {
                if (stream.next() instanceof Generation generation) {
                    return generation.text();
                }
            }
        }
    }
}
