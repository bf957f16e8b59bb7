package org.wanda4j.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.RateLimitException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.internal.JsonSchemaElementUtils;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import org.wanda4j.checkpoint.InvalidInputException;
import org.wanda4j.checkpoint.Json;
import org.wanda4j.grammar.Grammar;
import org.wanda4j.grammar.JsonGrammar;
import org.wanda4j.grammar.ToolCallGrammar;
import org.wanda4j.runtime.Generation;
import org.wanda4j.runtime.GenerationOptions;
import org.wanda4j.runtime.LanguageModel;
import org.wanda4j.runtime.QueueFullException;
import org.wanda4j.runtime.Sampling;
import org.wanda4j.runtime.TokenStream;
import org.wanda4j.text.ChatTemplate;
import org.wanda4j.text.ChatTemplate.Ending;
import org.wanda4j.tools.ToolCall;
import org.wanda4j.tools.ToolCallReader;
import org.wanda4j.tools.ToolFormat;
import tools.jackson.databind.JsonNode;

/// A request on its way to its answer: piece by piece, then as a whole.
final class Turn implements AutoCloseable {

    private final TokenStream tokens;
    private final Optional<ToolCallReader> reader;
    private final StringBuilder text = new StringBuilder();
    private final List<ToolExecutionRequest> calls = new ArrayList<>();

    /// Receives the parts of an answer.
    interface Listener {

        void text(String piece);

        /// @param index which call of the answer it is
        void call(int index, ToolExecutionRequest call);
    }

    private Turn(TokenStream tokens, Optional<ToolCallReader> reader) {
        this.tokens = tokens;
        this.reader = reader;
    }

    /// Starts the answer.
    ///
    /// @param defaults of what the request leaves open
    /// @throws UnsupportedFeatureException where the model cannot do what is asked for
    /// @throws InvalidRequestException where the request cannot be answered, such as for its length
    /// @throws RateLimitException where too many wait already
    static Turn start(
            LanguageModel model, ChatTemplate template, Sampling defaults, ChatRequest request) {
        try {
            Optional<ToolFormat> format = format(template, request);
            String prompt =
                    template.render(
                            TemplateMessages.of(request.messages()),
                            format.isEmpty() ? List.of() : described(request),
                            Ending.ANSWER,
                            Map.of());
            var options =
                    new GenerationOptions(
                            GenerationOptions.Text.REPLY,
                            OptionalInt.empty(),
                            grammar(format, request));
            return new Turn(
                    model.start(
                            model.tokensAsWritten(prompt), sampling(defaults, request), options),
                    format.map(it -> new ToolCallReader(it, Integer.MAX_VALUE)));
        } catch (InvalidInputException e) {
            throw new InvalidRequestException(e.getMessage(), e);
        } catch (QueueFullException e) {
            throw new RateLimitException(e.getMessage(), e);
        }
    }

    private static Optional<ToolFormat> format(ChatTemplate template, ChatRequest request) {
        if (tools(request).isEmpty() || request.toolChoice() == ToolChoice.NONE) {
            return Optional.empty();
        }
        return Optional.of(
                ToolFormat.of(template)
                        .orElseThrow(() ->
                                new UnsupportedFeatureException(
                                        "the model's chat template has no form for calls of tools that is known here")));
    }

    private static List<ToolSpecification> tools(ChatRequest request) {
        return Optional.ofNullable(request.toolSpecifications()).orElse(List.of());
    }

    /// The tools as OpenAI's interface has them, which templates are written for.
    private static List<Map<String, Object>> described(ChatRequest request) {
        return tools(request).stream()
                .map(tool -> {
                    Map<String, Object> function = new LinkedHashMap<>();
                    function.put("name", tool.name());
                    Optional.ofNullable(tool.description())
                            .ifPresent(text -> function.put("description", text));
                    function.put("parameters", parameters(tool));
                    return Map.<String, Object>of("type", "function", "function", function);
                })
                .toList();
    }

    private static Map<String, Object> parameters(ToolSpecification tool) {
        return tool.parameters() == null
                ? Map.of("type", "object", "properties", Map.of())
                : JsonSchemaElementUtils.toMap(tool.parameters());
    }

    private static Optional<Grammar> grammar(Optional<ToolFormat> tools, ChatRequest request) {
        if (tools.isPresent()) {
            List<ToolCallGrammar.Function> functions =
                    tools(request).stream()
                            .map(tool ->
                                    new ToolCallGrammar.Function(
                                            tool.name(), json(parameters(tool))))
                            .toList();
            boolean mustCall = request.toolChoice() == ToolChoice.REQUIRED;
            return tools.get().grammar(functions, mustCall, true);
        }
        ResponseFormat format = request.responseFormat();
        if (format == null || format.type() == ResponseFormatType.TEXT) {
            return Optional.empty();
        }
        return Optional.of(
                format.jsonSchema() == null
                        ? JsonGrammar.anyObject()
                        : JsonGrammar.ofSchema(
                                json(
                                        JsonSchemaElementUtils.toMap(
                                                format.jsonSchema().rootElement()))));
    }

    private static JsonNode json(Map<String, Object> schema) {
        return Json.parse(Json.writeLine(schema).getBytes(StandardCharsets.UTF_8), "the schema");
    }

    private static Sampling sampling(Sampling defaults, ChatRequest request) {
        refuse("frequencyPenalty", request.frequencyPenalty());
        refuse("presencePenalty", request.presencePenalty());
        return new Sampling(
                Optional.ofNullable(request.maxOutputTokens()).orElse(defaults.maxTokens()),
                Optional.ofNullable(request.temperature()).orElse(defaults.temperature()),
                Optional.ofNullable(request.topK()).orElse(defaults.topK()),
                Optional.ofNullable(request.topP()).orElse(defaults.topP()),
                defaults.minP(),
                defaults.repetitionPenalty(),
                defaults.seed(),
                request.stopSequences() == null || request.stopSequences().isEmpty()
                        ? defaults.stop()
                        : request.stopSequences(),
                defaults.logitBias());
    }

    private static void refuse(String name, Double value) {
        if (value != null && value != 0) {
            throw new UnsupportedFeatureException(
                    name + " is not supported; Sampling has a repetition penalty");
        }
    }

    void cancel() {
        tokens.cancel();
    }

    /// Reads the answer to its end.
    ///
    /// @throws RuntimeException where the generation failed
    ChatResponse read(Listener listener) {
        while (true) {
            switch (tokens.next()) {
                case TokenStream.Chunk chunk -> {
                    if (reader.isEmpty()) {
                        add(chunk.text(), listener);
                    } else {
                        add(reader.get().append(chunk.text()), listener);
                    }
                }
                case Generation generation -> {
                    reader.ifPresent(it -> add(it.finish(), listener));
                    return response(generation);
                }
            }
        }
    }

    private void add(List<ToolCallReader.Part> parts, Listener listener) {
        for (ToolCallReader.Part part : parts) {
            switch (part) {
                case ToolCallReader.Text piece -> add(piece.text(), listener);
                case ToolCallReader.Call call -> add(call.call(), listener);
            }
        }
    }

    private void add(String piece, Listener listener) {
        if (!piece.isEmpty()) {
            text.append(piece);
            listener.text(piece);
        }
    }

    private void add(ToolCall call, Listener listener) {
        ToolExecutionRequest request =
                ToolExecutionRequest.builder()
                        .id(UUID.randomUUID().toString())
                        .name(call.name())
                        .arguments(call.arguments())
                        .build();
        calls.add(request);
        listener.call(calls.size() - 1, request);
    }

    private ChatResponse response(Generation generation) {
        AiMessage.Builder message = AiMessage.builder();
        if (!text.isEmpty() || calls.isEmpty()) {
            message.text(text.toString());
        }
        if (!calls.isEmpty()) {
            message.toolExecutionRequests(calls);
        }
        return ChatResponse.builder()
                .aiMessage(message.build())
                .tokenUsage(new TokenUsage(generation.promptTokens(), generation.tokens()))
                .finishReason(
                        switch (generation.finish()) {
                            case STOP ->
                                    calls.isEmpty()
                                            ? FinishReason.STOP
                                            : FinishReason.TOOL_EXECUTION;
                            case LENGTH -> FinishReason.LENGTH;
                            case CANCELLED -> FinishReason.OTHER;
                        })
                .build();
    }

    @Override
    public void close() {
        tokens.close();
    }
}
